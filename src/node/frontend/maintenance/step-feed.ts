import { abortable } from '../abortable.ts';

/** Steps of one run for any number of followers; each sees all of them, from the first one on. */
export class StepFeed<Step> {
  readonly #steps: Step[] = [];
  #changed = Promise.withResolvers<void>();
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;

  /** Adds a step. */
  push(step: Step): void {
    this.#steps.push(step);
    this.#wake();
  }

  /** Ends the feed, for its followers with the error if there is one. */
  end(failure?: { readonly error: unknown }): void {
    this.#hasEnded = true;
    this.#failure = failure;
    this.#wake();
  }

  /** The steps as they come. The signal rejects this follower alone. */
  async *follow(signal: AbortSignal): AsyncGenerator<Step, void, undefined> {
    for (let at = 0; ; at += 1) {
      while (at >= this.#steps.length) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#hasEnded) return;
        await abortable(this.#changed.promise, signal);
      }
      yield* this.#steps.slice(at, at + 1);
    }
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}

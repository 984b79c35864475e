import type { Clock, Timer } from '../../../base/clock.ts';

/** When what was noticed is due. */
export interface QuietQueueOptions {
  /** Nothing must have been noticed of a key for so long, in milliseconds. */
  readonly quietMs: number;
  /** After so many milliseconds it is due in any case. */
  readonly waitMsMax: number;
  /** Keys that wait; one more is not taken: the next push notices it again. */
  readonly keysMax: number;
}

interface Waiting {
  readonly firstMs: number;
  dueMs: number;
}

/** Keys that wait for a quiet moment, each once. */
export class QuietQueue {
  readonly #options: QuietQueueOptions;
  readonly #clock: Clock;
  readonly #onDue: (key: string) => void;
  readonly #waiting = new Map<string, Waiting>();
  #timer: Timer | undefined;

  constructor(options: QuietQueueOptions, modules: { readonly clock: Clock; readonly onDue: (key: string) => void }) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#onDue = modules.onDue;
  }

  /** Keys that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Something happened to a key: it is due when nothing more has happened for a while. */
  notice(key: string): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#waiting.get(key);
    if (known === undefined && this.#waiting.size >= this.#options.keysMax) return;
    const firstMs = known?.firstMs ?? nowMs;
    const dueMs = Math.min(nowMs + this.#options.quietMs, firstMs + this.#options.waitMsMax);
    this.#waiting.set(key, { firstMs, dueMs });
    this.#timer ??= this.#clock.after(dueMs - nowMs, () => this.#look());
  }

  /** Forgets all keys. */
  clear(): void {
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { dueMs }] of [...this.#waiting]) {
      if (dueMs > nowMs) continue;
      this.#waiting.delete(key);
      this.#onDue(key);
    }
    if (this.#waiting.size === 0) return;
    const nextMs = Math.min(...[...this.#waiting.values()].map(({ dueMs }) => dueMs));
    this.#timer ??= this.#clock.after(Math.max(0, nextMs - nowMs), () => this.#look());
  }
}

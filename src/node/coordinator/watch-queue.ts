import type { Clock } from '../../base/clock.ts';
import { WakeablePause } from '../../base/wakeable-pause.ts';
import type { TopologyUpdate } from '../../topology/topology.ts';

/** Updates that a reader may be behind before it is given a full sync instead. */
export const watchQueueMax = 256;

/**
 * What a reader finds: an update, how many it has missed, that this coordinator itself has skipped
 * some, or that nothing came within the time.
 */
export type WatchQueueItem =
  | { readonly kind: 'update'; readonly update: TopologyUpdate }
  | { readonly kind: 'lagged'; readonly dropped: number }
  | { readonly kind: 'jumped' }
  | { readonly kind: 'idle' };

/**
 * Updates on their way to one reader. Bounded: a full queue is emptied, and the reader finds
 * `lagged`; from then on nothing is kept until it has been reset for a full sync.
 */
export class WatchQueue {
  readonly #updatesMax: number;
  readonly #pause: WakeablePause;
  #updates: TopologyUpdate[] = [];
  #dropped = 0;
  #hasJumped = false;

  constructor(options: { readonly updatesMax: number }, modules: { readonly clock: Clock }) {
    this.#updatesMax = options.updatesMax;
    this.#pause = new WakeablePause(modules);
  }

  push(update: TopologyUpdate): void {
    if (this.#dropped > 0) this.#dropped += 1;
    else if (this.#updates.length < this.#updatesMax) this.#updates.push(update);
    else {
      this.#dropped = this.#updates.length + 1;
      this.#updates = [];
    }
    this.#pause.wake();
  }

  /** The topology has changed by more than updates can tell: what waits is of no use any more. */
  jump(): void {
    this.#updates = [];
    this.#hasJumped = true;
    this.#pause.wake();
  }

  /** Begins afresh: the reader is about to get the whole topology. */
  reset(): void {
    this.#updates = [];
    this.#dropped = 0;
    this.#hasJumped = false;
  }

  /** The next item; `idle` after `idleMs` without one, or at once when the signal aborts. */
  async take(idleMs: number, signal: AbortSignal): Promise<WatchQueueItem> {
    if (this.#isEmpty()) {
      // What came before has been read.
      this.#pause.rearm();
      await this.#pause.wait(idleMs, signal);
    }
    if (this.#dropped > 0) return { kind: 'lagged', dropped: this.#dropped };
    if (this.#hasJumped) return { kind: 'jumped' };
    const update = this.#updates.shift();
    return update === undefined ? { kind: 'idle' } : { kind: 'update', update };
  }

  #isEmpty(): boolean {
    return this.#updates.length === 0 && this.#dropped === 0 && !this.#hasJumped;
  }
}

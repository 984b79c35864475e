import type { IBackoff, IBackoffFactory } from 'cockatiel';
import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';

/** A restarted node is back within seconds; one that stays away is tried a few times a minute. */
const pauseBounds: BackoffBounds = { minMs: 1_000, maxMs: 15_000 };

/**
 * The pause of an open breaker, by the injected clock. cockatiel compares its own wall clock with `duration`: it is
 * told an endless one until the pause is over, and one that has long been over from then on.
 */
export class BreakerPause implements IBackoffFactory<unknown>, IBackoff<unknown> {
  readonly #clock: Clock;
  readonly #random: Random;
  #pauses = 0;
  #endsMs = 0;
  #skipsNext = false;

  constructor(modules: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = modules.clock;
    this.#random = modules.random;
  }

  get isOver(): boolean {
    return this.leftMs <= 0;
  }

  /** Milliseconds; not positive when it is over. */
  get leftMs(): number {
    return this.#endsMs - this.#clock.monotonicMs();
  }

  /** For cockatiel alone. */
  get duration(): number {
    return this.isOver ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  /** Begins the next pause; called by cockatiel when it opens the breaker. */
  next(): this {
    if (this.#skipsNext) {
      this.#skipsNext = false;
      return this;
    }
    this.#pauses += 1;
    this.#endsMs = this.#clock.monotonicMs() + backoffMs(this.#pauses, pauseBounds, this.#random);
    return this;
  }

  /** The next pause is none, and does not lengthen those after it. */
  skipNext(): void {
    this.#skipsNext = true;
  }

  /** Takes `skipNext` back: another call has begun a pause meanwhile. */
  keepNext(): void {
    this.#skipsNext = false;
  }

  /** The node has answered: a later pause begins short again. */
  reset(): void {
    this.#pauses = 0;
  }
}

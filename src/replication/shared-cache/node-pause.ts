import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';

/** A restarted node is back within seconds; one that stays away is tried twice a minute. */
const pauseBounds: BackoffBounds = { minMs: 2_000, maxMs: 30_000 };

/**
 * Keeps questions from a node that has failed: one failure is enough, for an entry can be computed instead. After a
 * jittered pause one question is let through to try; the others go on without the node until that has ended.
 */
export class NodePause {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #endsMs = Number.NEGATIVE_INFINITY;

  constructor(modules: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = modules.clock;
    this.#random = modules.random;
  }

  /** Whether the node may be called now. */
  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endsMs;
  }

  /** Call before a call that `isOver` allows: while it tries the node, it is the only one. */
  begin(): void {
    if (this.#failures > 0) this.#lengthen();
  }

  /** The node has answered. */
  answered(): void {
    this.#failures = 0;
    this.#endsMs = Number.NEGATIVE_INFINITY;
  }

  /** The node has not answered as it should. */
  failed(): void {
    this.#failures += 1;
    this.#lengthen();
  }

  /** The caller has ended the call, which says nothing of the node: whoever comes next may try. */
  ended(): void {
    this.#endsMs = Math.min(this.#endsMs, this.#clock.monotonicMs());
  }

  #lengthen(): void {
    this.#endsMs = this.#clock.monotonicMs() + backoffMs(this.#failures, pauseBounds, this.#random);
  }
}

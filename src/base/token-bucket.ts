import type { Clock } from './clock.ts';

/** How much may pass: `ratePerSecond` in the long run, and up to `burst` at once after a time of quiet. */
export interface RateLimit {
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** A token bucket: full at first, refilled at its rate by the monotonic clock, never beyond its burst. */
export class TokenBucket {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;

  constructor(limit: RateLimit, modules: { readonly clock: Clock }) {
    this.#limit = limit;
    this.#clock = modules.clock;
    this.#tokens = limit.burst;
    this.#filledAtMs = modules.clock.monotonicMs();
  }

  /** Takes one token and answers 0; when there is none, milliseconds (at least 1) until there will be. */
  take(): number {
    const { ratePerSecond, burst } = this.#limit;
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAtMs) * ratePerSecond) / 1000);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return Math.max(1, Math.ceil(((1 - this.#tokens) * 1000) / ratePerSecond));
    this.#tokens -= 1;
    return 0;
  }
}

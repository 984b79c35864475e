import type { Clock } from '../../base/clock.ts';
import { FlightLimit } from '../flight-limit.ts';

/** Values of a budget. */
export interface BackgroundBudgetOptions {
  readonly countMax: number;
  readonly bytesMax: number;
}

/** What goes on after a caller could have its answer. */
export interface BackgroundWork {
  readonly bytes: number;
  /** Resolves, never rejects, when it has ended; true when all of it went well. */
  readonly settled: Promise<boolean>;
  /** Ends it early; absent when nobody would make up for it. */
  readonly abandon: (() => void) | undefined;
}

/** Callers are bounded elsewhere; this many waiting is a fault in them. */
const waitingMax = 100_000;

/** How long a caller is held back for a node that is slow but working, before its write there is abandoned. */
const holdMs = 100;

/**
 * Bounds the writes that go on after their callers were answered. Beyond it a caller is held back, so
 * that a node that is a little slower sets the pace and is not left behind. One that finishes nothing must not hold
 * back anybody: after a moment what is left to do there is abandoned (a gap is noted for it), and from then on at
 * once, until something in the background ends well again.
 */
export class BackgroundBudget {
  readonly #limit: FlightLimit;
  readonly #clock: Clock;
  #isStalled = false;

  constructor(options: BackgroundBudgetOptions, modules: { readonly clock: Clock }) {
    this.#limit = new FlightLimit({ ...options, waitingMax });
    this.#clock = modules.clock;
  }

  /** Resolves when the caller may have its answer. */
  async admit({ bytes, settled, abandon }: BackgroundWork): Promise<void> {
    if (this.#limit.tryEnter(bytes)) return this.#follow(bytes, settled);
    if (abandon !== undefined && this.#isStalled) return abandon();
    const held = new AbortController();
    let isSettled = false;
    const onSettled = (wentWell: boolean) => {
      isSettled = true;
      if (wentWell) this.#isStalled = false;
      held.abort();
    };
    const watched = settled.then(onSettled);
    const timer = abandon && this.#clock.after(holdMs, () => held.abort());
    const isAdmitted = await this.#limit.enter(bytes, held.signal);
    timer?.cancel();
    if (isAdmitted) return this.#follow(bytes, settled);
    if (isSettled) return;
    if (abandon === undefined) return watched;
    this.#isStalled = true;
    abandon();
  }

  #follow(bytes: number, settled: Promise<boolean>): void {
    void settled.then((wentWell) => {
      if (wentWell) this.#isStalled = false;
      this.#limit.leave(bytes);
    });
  }
}

import type { Clock } from '../../base/clock.ts';
import type { Hint } from './hint-record.ts';

/** Milliseconds by which the wall clock may drift before that is called a jump. */
const driftMaxMs = 1_000;

/** Jumps that are remembered: who sets the clock more often has hints whose ages are wrong by a jump. */
const jumpsMax = 64;

/** From a number on, hints were noted while the wall clock was so far ahead of the monotonic one. */
interface Offset {
  readonly fromNumber: bigint;
  readonly offsetMs: number;
}

/**
 * How old hints are. Their times are of the wall clock, and that may jump: by how much it did since this
 * process opened the log is known from the monotonic clock, and is left out. Of hints that are older
 * than the process the wall clock at its start has to be believed.
 */
export class HintAges {
  readonly #clock: Clock;
  /** By number, the latest last. */
  readonly #offsets: Offset[];

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
    this.#offsets = [{ fromNumber: 0n, offsetMs: this.#offsetMs() }];
  }

  /** Takes the time for hints that are noted now, which have this number and those above. */
  nowMs(nextNumber: bigint): number {
    const offsetMs = this.#offsetMs();
    const known = this.#offsets.at(-1);
    if (known === undefined || Math.abs(offsetMs - known.offsetMs) > driftMaxMs) {
      this.#offsets.push({ fromNumber: nextNumber, offsetMs });
      if (this.#offsets.length > jumpsMax) this.#offsets.shift();
    }
    return this.#clock.nowMs();
  }

  /** Milliseconds. */
  ageMs({ number, notedAtMs }: Pick<Hint, 'number' | 'notedAtMs'>): number {
    const then = this.#offsets.findLast(({ fromNumber }) => fromNumber <= number) ?? this.#offsets[0];
    return this.#clock.monotonicMs() - (notedAtMs - (then?.offsetMs ?? this.#offsetMs()));
  }

  #offsetMs(): number {
    return this.#clock.nowMs() - this.#clock.monotonicMs();
  }
}

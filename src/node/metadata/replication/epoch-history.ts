import { firstIndex } from '../../../base/first-index.ts';
import { type LogPosition, logStart } from './log-record.ts';

/** From which index on a log's entries are of an epoch. */
interface EpochStart {
  readonly epoch: bigint;
  readonly firstIndex: bigint;
}

/** Which epoch each entry of a log is of, from its base on; one row an epoch, so it costs nothing to keep in memory. */
export class EpochHistory {
  #base: LogPosition = logStart;
  #starts: EpochStart[] = [];
  #last: LogPosition = logStart;

  get base(): LogPosition {
    return this.#base;
  }

  get last(): LogPosition {
    return this.#last;
  }

  /** Begins anew behind `base`. */
  reset(base: LogPosition): void {
    this.#base = base;
    this.#last = base;
    this.#starts = [];
  }

  append({ index, epoch }: LogPosition): void {
    if (this.#starts.at(-1)?.epoch !== epoch) this.#starts.push({ epoch, firstIndex: index });
    this.#last = { index, epoch };
  }

  /** The entries behind `index` are no more; it is not below the base. */
  truncateAfter(index: bigint): void {
    while ((this.#starts.at(-1)?.firstIndex ?? 0n) > index) this.#starts.pop();
    this.#last = index === this.#base.index ? this.#base : { index, epoch: this.#starts.at(-1)?.epoch ?? 0n };
  }

  /** The entries up to `index` are forgotten; it is not above the last one. */
  trimTo(index: bigint): void {
    const epoch = this.epochAt(index);
    if (epoch === undefined) return;
    this.#base = { index, epoch };
    while ((this.#starts[1]?.firstIndex ?? this.#last.index + 1n) <= index + 1n && this.#starts.length > 1) {
      this.#starts.shift();
    }
    if (index === this.#last.index) this.#starts = [];
  }

  /** The epoch of an entry; undefined before the base and behind the last one. */
  epochAt(index: bigint): bigint | undefined {
    if (index === this.#base.index) return this.#base.epoch;
    if (index < this.#base.index || index > this.#last.index) return undefined;
    return this.#startOf(index)?.epoch;
  }

  /** The first index of the epoch that the entry at `index` is of, as far as the log reaches back. */
  firstOfEpochAt(index: bigint): bigint {
    const first = this.#startOf(index)?.firstIndex ?? this.#base.index + 1n;
    return first > this.#base.index ? first : this.#base.index + 1n;
  }

  #startOf(index: bigint): EpochStart | undefined {
    const isLater = (at: number) => (this.#starts[at]?.firstIndex ?? 0n) > index;
    return this.#starts[firstIndex(0, this.#starts.length, isLater) - 1];
  }
}

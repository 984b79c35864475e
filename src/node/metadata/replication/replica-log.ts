import { assert } from '../../../base/errors.ts';
import type { MetadataStore, StoreReader, StoreTransaction } from '../metadata-store.ts';
import { EpochHistory } from './epoch-history.ts';
import { checkRecord, type LogPosition, positionOfRecord } from './log-record.ts';

/** How much of a log is kept behind what is applied, for replicas that were away for a while. */
export interface LogRetention {
  readonly entries: number;
  readonly bytes: number;
}

/** Records that one commit takes off the front: many more than one adds, few enough not to be felt. */
const trimmedMax = 2_000;

/**
 * One partition's log: all of it that is kept is on disk, what is not yet on disk or not yet applied is in memory as
 * well, and so are the epochs of all. Appends and truncations change the memory at once; `write` brings what has
 * changed to disk, and `written` says that it is there. One write at a time; one that failed is simply done again.
 */
export class ReplicaLog {
  readonly #partition: number;
  readonly #store: MetadataStore;
  readonly #retention: LogRetention;
  readonly #epochs = new EpochHistory();
  /** Records by index; without gaps up to the last one. */
  readonly #recent = new Map<bigint, Buffer>();
  #bytes = 0;
  #recentBytes = 0;
  /** Up to here the disk has what memory has. */
  #durableTo = 0n;
  /** The lowest truncation since the write that is under way began. */
  #truncatedTo: bigint | undefined;
  /** The highest index that is on disk, be it part of the log or not any more. */
  #storedTo = 0n;

  constructor(
    { partition, retention }: { readonly partition: number; readonly retention: LogRetention },
    modules: { readonly store: MetadataStore },
  ) {
    this.#partition = partition;
    this.#retention = retention;
    this.#store = modules.store;
  }

  /** Takes up what is on disk; INTERNAL when there is a gap. */
  open(reader: StoreReader, base: LogPosition): void {
    this.reset(base);
    for (const { index, record } of reader.records(this.#partition, base.index + 1n)) {
      const position = positionOfRecord(record);
      assert(position.index === index && index === this.last.index + 1n, `a gap in the log at ${index}`);
      this.#epochs.append(position);
      this.#bytes += record.length;
    }
    this.#storedTo = this.last.index;
    this.#durableTo = this.last.index;
  }

  /** Begins anew behind `base`, with nothing on disk. */
  reset(base: LogPosition): void {
    this.#epochs.reset(base);
    this.#recent.clear();
    this.#bytes = 0;
    this.#recentBytes = 0;
    this.#storedTo = base.index;
    this.#durableTo = base.index;
    this.#truncatedTo = base.index;
  }

  get base(): LogPosition {
    return this.#epochs.base;
  }

  get last(): LogPosition {
    return this.#epochs.last;
  }

  /** The last index up to which the log is on disk. */
  get durableIndex(): bigint {
    return this.#durableTo;
  }

  /** Bytes of the records that are held in memory: not on disk, or not applied. */
  get pendingBytes(): number {
    return this.#recentBytes;
  }

  /** Whether the disk lacks something, or holds something that is no more. */
  get isDirty(): boolean {
    return this.#durableTo < this.last.index || this.#storedTo > this.last.index;
  }

  epochAt(index: bigint): bigint | undefined {
    return this.#epochs.epochAt(index);
  }

  firstOfEpochAt(index: bigint): bigint {
    return this.#epochs.firstOfEpochAt(index);
  }

  /** Adds a record that continues the log. */
  append(record: Buffer): void {
    const position = positionOfRecord(record);
    assert(position.index === this.last.index + 1n && position.epoch >= this.last.epoch, 'the log has no gaps');
    this.#epochs.append(position);
    this.#recent.set(position.index, record);
    this.#bytes += record.length;
    this.#recentBytes += record.length;
  }

  /** The entries behind `index` are no more. */
  truncateAfter(index: bigint): void {
    for (const { length } of this.#behind(index)) this.#bytes -= length;
    for (let gone = this.last.index; gone > index; gone -= 1n) this.#drop(gone);
    this.#epochs.truncateAfter(index);
    if (this.#durableTo > index) this.#durableTo = index;
    if (this.#truncatedTo === undefined || this.#truncatedTo > index) this.#truncatedTo = index;
  }

  /** Records from `fromIndex` on, which is behind the base: about `bytesMax` bytes of them and one at least. */
  slice(fromIndex: bigint, bytesMax: number): Buffer[] {
    assert(fromIndex > this.base.index, `the log of partition ${this.#partition} begins behind ${fromIndex}`);
    const found: Buffer[] = [];
    let bytes = 0;
    let next = fromIndex;
    const take = (record: Buffer) => {
      found.push(record);
      bytes += record.length;
      next += 1n;
    };
    if (fromIndex <= this.last.index && !this.#recent.has(fromIndex)) {
      this.#store.read((reader) => {
        for (const { index, record } of reader.records(this.#partition, fromIndex)) {
          // What memory holds may be newer than what the disk does.
          if (bytes >= bytesMax || index > this.last.index || this.#recent.has(index)) break;
          checkRecord(record);
          take(Buffer.from(record));
        }
      });
    }
    for (; next <= this.last.index && bytes < bytesMax; ) {
      const record = this.#recent.get(next);
      assert(record !== undefined || found.length > 0, `record ${next} of partition ${this.#partition} is nowhere`);
      if (record === undefined) break;
      take(record);
    }
    return found;
  }

  /** Applied up to here: what is on disk as well need not be in memory any more. */
  forget(appliedIndex: bigint): void {
    const upTo = appliedIndex < this.durableIndex ? appliedIndex : this.durableIndex;
    for (const index of this.#recent.keys()) {
      if (index > upTo) break;
      this.#drop(index);
    }
  }

  /** Brings the disk up to date within a commit, and takes off the front what nobody needs; `appliedIndex` as of this commit. */
  write(transaction: StoreTransaction, appliedIndex: bigint): WrittenLog {
    const from = this.#durableTo + 1n;
    const upTo = this.last.index;
    this.#truncatedTo = undefined;
    if (this.#storedTo >= from) transaction.removeRecords(this.#partition, { fromIndex: from });
    for (let index = from; index <= upTo; index += 1n) {
      const record = this.#recent.get(index);
      assert(record !== undefined, `record ${index} of partition ${this.#partition} is not in memory`);
      transaction.putRecord(this.#partition, index, record);
    }
    const { base, bytes } = this.#trim(transaction, appliedIndex, upTo);
    return { upTo, base, trimmedBytes: bytes };
  }

  /** What `write` did is on disk. Not to be told of a write from before a reset. */
  written({ upTo, base, trimmedBytes }: WrittenLog): void {
    this.#storedTo = upTo;
    this.#durableTo = this.#truncatedTo !== undefined && this.#truncatedTo < upTo ? this.#truncatedTo : upTo;
    if (base > this.base.index) this.#epochs.trimTo(base);
    this.#bytes -= trimmedBytes;
  }

  #drop(index: bigint): void {
    this.#recentBytes -= this.#recent.get(index)?.length ?? 0;
    this.#recent.delete(index);
  }

  /** The records behind `index`, wherever they are. */
  #behind(index: bigint): readonly Buffer[] {
    const first = [...this.#recent.keys()].find((recent) => recent > index) ?? this.last.index + 1n;
    const recent = [...this.#recent].filter(([at]) => at > index).map(([, record]) => record);
    if (first === index + 1n) return recent;
    const stored = this.#store.read((reader) =>
      [...reader.records(this.#partition, index + 1n)].filter((row) => row.index < first).map(({ record }) => record),
    );
    return [...stored, ...recent];
  }

  #trim(transaction: StoreTransaction, appliedIndex: bigint, last: bigint): { base: bigint; bytes: number } {
    const { entries, bytes: bytesMax } = this.#retention;
    const from = this.base.index + 1n;
    let index = this.base.index;
    let bytes = 0;
    if (last - index <= BigInt(entries) && this.#bytes <= bytesMax) return { base: index, bytes };
    for (const stored of transaction.records(this.#partition, from)) {
      const isNeeded = last - index <= BigInt(entries) && this.#bytes - bytes <= bytesMax;
      if (isNeeded || stored.index > appliedIndex || stored.index - from >= BigInt(trimmedMax)) break;
      bytes += stored.record.length;
      index = stored.index;
    }
    if (index >= from) transaction.removeRecords(this.#partition, { fromIndex: from, toIndex: index + 1n });
    return { base: index, bytes };
  }
}

/** What a commit does to the log on disk. */
export interface WrittenLog {
  readonly upTo: bigint;
  /** The index before the first record that is left. */
  readonly base: bigint;
  readonly trimmedBytes: number;
}

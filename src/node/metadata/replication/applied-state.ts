import { type Changes, layered, noChanges } from '../layered-state.ts';
import type { MetadataStore, StoreReader, StoreTransaction } from '../metadata-store.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { type LogPosition, logStart } from './log-record.ts';

/** What a commit brings to disk. */
export interface FlushedState {
  readonly position: LogPosition;
  readonly count: number;
}

/**
 * One partition's state after all entries that are applied: what is on disk, and above it what has not got there
 * yet. Reads see both as one. What is applied goes to disk with the next commit for any reason, so that an operation
 * waits for one sync only, that of the log; after a crash the log gives it again.
 */
export class AppliedState {
  readonly #partition: number;
  readonly #store: MetadataStore;
  #position: LogPosition = logStart;
  #storedPosition: LogPosition = logStart;
  #changes: Changes = noChanges();
  /** On its way to disk; not changed any more. */
  #flushing: Changes = noChanges();

  constructor({ partition }: { readonly partition: number }, modules: { readonly store: MetadataStore }) {
    this.#partition = partition;
    this.#store = modules.store;
  }

  /** The disk holds the state at `position`. */
  reset(position: LogPosition): void {
    this.#position = position;
    this.#storedPosition = position;
    this.#changes = noChanges();
    this.#flushing = noChanges();
  }

  /** The last entry that is applied. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Whether the disk lacks something. */
  get isDirty(): boolean {
    return this.#storedPosition.index < this.#position.index;
  }

  /** Reads this moment; `work` must not await. */
  read<T>(work: (state: StateReader) => T): T {
    return this.#store.read((reader) => work(this.#over(reader)));
  }

  /** Takes the writes of the next entry. */
  apply(position: LogPosition, writes: readonly StateWrite[]): void {
    this.#position = position;
    for (const { key, value } of writes) this.#changes.set(key.toString('latin1'), value);
  }

  /** Writes what the disk lacks within a commit. One at a time. */
  write(transaction: StoreTransaction): FlushedState {
    this.#flushing = this.#changes;
    this.#changes = noChanges();
    const writes: StateWrite[] = [];
    this.#flushing.forEachPair((key, value) => void writes.push({ key: Buffer.from(key, 'latin1'), value }));
    transaction.writeState(this.#partition, writes);
    return { position: this.#position, count: writes.length };
  }

  /** What `write` did is on disk. */
  written({ position }: FlushedState): void {
    this.#storedPosition = position;
    this.#flushing = noChanges();
  }

  /** What `write` did is not on disk. */
  notWritten(): void {
    const newer = this.#changes;
    this.#changes = this.#flushing;
    this.#flushing = noChanges();
    newer.forEachPair((key, value) => void this.#changes.set(key, value));
  }

  #over(reader: StoreReader): StateReader {
    return layered([this.#changes, this.#flushing], reader.state(this.#partition));
  }
}

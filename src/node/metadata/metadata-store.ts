import type { StateReader, StateWrite } from './state.ts';

/** A record of a partition's log as it is stored (replication/log-record.ts). */
export interface StoredRecord {
  readonly index: bigint;
  readonly record: Buffer;
}

/** What can be read: one committed moment, or inside a commit what it has written so far. */
export interface StoreReader {
  /** A partition's state: what the entries up to its header's applied position make of nothing. */
  state(partition: number): StateReader;
  /** See replication/partition-header.ts. */
  header(partition: number): Buffer | undefined;
  /** Records from `fromIndex` on, in order. Valid until the current turn of the event loop ends. */
  records(partition: number, fromIndex: bigint): Iterable<StoredRecord>;
  /** The numbers of the partitions that have a header. */
  partitions(): readonly number[];
}

/** What a commit may do: everything becomes durable and visible together, or not at all. */
export interface StoreTransaction extends StoreReader {
  writeState(partition: number, writes: readonly StateWrite[]): void;
  writeHeader(partition: number, value: Buffer | undefined): void;
  putRecord(partition: number, index: bigint, record: Buffer): void;
  /** Removes records from `fromIndex` to before `toIndex`, to the end of the log without it, and at most `countMax`; how many there were. */
  removeRecords(partition: number, range: RecordRange): number;
  /** Removes up to `countMax` rows of the state; how many there were. */
  removeState(partition: number, countMax: number): number;
}

/** Which records to remove. */
export interface RecordRange {
  readonly fromIndex: bigint;
  readonly toIndex?: bigint;
  readonly countMax?: number;
}

/** A moment of the store that stays readable across turns of the event loop until it is closed. */
export interface StoreSnapshot extends StoreReader {
  close(): void;
}

/**
 * The disk of a metadata node. A commit is on disk when its promise resolves, and not visible to reads before it
 * is. Commits take effect in the order in which they were asked for; those that are asked for while one is under way
 * may share the next one's sync.
 */
export interface MetadataStore {
  /** Reads one moment: every commit that has resolved is in it. `work` must not await. */
  read<T>(work: (reader: StoreReader) => T): T;

  /**
   * Runs `work` as soon as the store is free to write; it must not await. What it throws undoes all
   * of it. DISK_FULL, or INTERNAL, when it cannot be written: then nothing of it is visible.
   */
  commit<T>(work: (transaction: StoreTransaction) => T): Promise<T>;

  /** For what takes long to read. */
  snapshot(): StoreSnapshot;

  close(): Promise<void>;
}

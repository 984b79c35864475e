import type { Transaction } from 'lmdb';
import { singleKey } from '../../store/keys.ts';
import { type LmdbEnvironment, openLmdb } from '../../store/lmdb-environment.ts';
import { commitError } from './commit-error.ts';
import type {
  MetadataStore,
  RecordRange,
  StoredRecord,
  StoreReader,
  StoreSnapshot,
  StoreTransaction,
} from './metadata-store.ts';
import { prefixRange, type StateEntry, type StateRange, type StateReader, type StateWrite } from './state.ts';

/** Bytes of a partition's number and of an index in a key. */
const partitionBytes = 2;
const indexBytes = 8;

/** Longest key of LMDB as lmdb-js is built. */
const keyBytesMax = 1978;

/** Above every index that a log reaches. */
const indexEnd = 2n ** 64n - 1n;

/**
 * The store on LMDB: one environment in a folder whose lock the caller holds. LMDB publishes a transaction only after
 * its sync (`overlappingSync: false` keeps it so), and lmdb-js puts commits that wait into one transaction.
 */
export class LmdbMetadataStore implements MetadataStore {
  readonly #database: LmdbEnvironment;
  readonly #path: string;

  private constructor(path: string, database: LmdbEnvironment) {
    this.#path = path;
    this.#database = database;
  }

  /** Opens or creates the store; DATA_CORRUPT when the file is no database, or a part of one. */
  static open(path: string): LmdbMetadataStore {
    return new LmdbMetadataStore(path, openLmdb(path));
  }

  read<T>(work: (reader: StoreReader) => T): T {
    // lmdb-js keeps a read transaction for a turn and renews it when a commit resolves; a new one here needs no such care.
    this.#database.resetReadTxn();
    return work(new LmdbReader(this.#database));
  }

  async commit<T>(work: (transaction: StoreTransaction) => T): Promise<T> {
    try {
      // A child transaction: LMDB would commit what a failed callback of an ordinary one has written.
      return await this.#database.childTransaction(() => work(new LmdbWriter(this.#database)));
    } catch (error) {
      throw await commitError(error, this.#path);
    }
  }

  snapshot(): StoreSnapshot {
    this.#database.resetReadTxn();
    // biome-ignore lint/correctness/useHookAtTopLevel: a method of lmdb-js, not a hook of React.
    return new LmdbSnapshot(this.#database, this.#database.useReadTransaction());
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

class LmdbReader implements StoreReader {
  protected readonly database: LmdbEnvironment;
  protected readonly reading: { readonly transaction?: Transaction };

  constructor(database: LmdbEnvironment, transaction?: Transaction) {
    this.database = database;
    this.reading = transaction === undefined ? {} : { transaction };
  }

  state(partition: number): StateReader {
    return new PartitionState(this.database, this.reading, partitionKey('metadataState', partition));
  }

  header(partition: number): Buffer | undefined {
    return this.database.get(partitionKey('metadataPosition', partition), this.reading);
  }

  *records(partition: number, fromIndex: bigint): Iterable<StoredRecord> {
    const range = { start: recordKey(partition, fromIndex), end: recordKey(partition, indexEnd) };
    for (const { key, value } of this.database.getRange({ ...range, ...this.reading })) {
      yield { index: key.readBigUInt64BE(key.length - indexBytes), record: value };
    }
  }

  partitions(): readonly number[] {
    const keys = this.database.getKeys({ ...prefixRange(singleKey('metadataPosition')), ...this.reading });
    return [...keys].map((key) => key.readUInt16BE(key.length - partitionBytes));
  }
}

class LmdbSnapshot extends LmdbReader implements StoreSnapshot {
  readonly #transaction: Transaction;

  constructor(database: LmdbEnvironment, transaction: Transaction) {
    super(database, transaction);
    this.#transaction = transaction;
  }

  close(): void {
    this.#transaction.done();
  }
}

class LmdbWriter extends LmdbReader implements StoreTransaction {
  writeState(partition: number, writes: readonly StateWrite[]): void {
    const prefix = partitionKey('metadataState', partition);
    for (const { key, value } of writes) {
      const full = Buffer.concat([prefix, key]);
      if (value === undefined) this.database.removeSync(full);
      else this.database.putSync(full, value);
    }
  }

  writeHeader(partition: number, value: Buffer | undefined): void {
    const key = partitionKey('metadataPosition', partition);
    if (value === undefined) this.database.removeSync(key);
    else this.database.putSync(key, value);
  }

  putRecord(partition: number, index: bigint, record: Buffer): void {
    this.database.putSync(recordKey(partition, index), record);
  }

  removeRecords(partition: number, { fromIndex, toIndex = indexEnd, countMax }: RecordRange): number {
    const range = { start: recordKey(partition, fromIndex), end: recordKey(partition, toIndex) };
    return this.#remove({ ...range, ...(countMax === undefined ? {} : { limit: countMax }) });
  }

  removeState(partition: number, countMax: number): number {
    return this.#remove({ ...prefixRange(partitionKey('metadataState', partition)), limit: countMax });
  }

  #remove(range: { readonly start: Buffer; readonly end: Buffer; readonly limit?: number }): number {
    // Collected first: a cursor does not outlive the removal of what it stands on.
    const keys = [...this.database.getKeys(range)];
    for (const key of keys) this.database.removeSync(key);
    return keys.length;
  }
}

class PartitionState implements StateReader {
  readonly #database: LmdbEnvironment;
  readonly #reading: { readonly transaction?: Transaction };
  readonly #prefix: Buffer;

  constructor(database: LmdbEnvironment, reading: { readonly transaction?: Transaction }, prefix: Buffer) {
    this.#database = database;
    this.#reading = reading;
    this.#prefix = prefix;
  }

  get(key: Buffer): Buffer | undefined {
    const full = Buffer.concat([this.#prefix, key]);
    // A key that LMDB does not take has no row; lmdb-js would throw, and another store would not.
    return full.length > keyBytesMax ? undefined : this.#database.get(full, this.#reading);
  }

  *range({ start, end, reverse = false, limit }: StateRange): Iterable<StateEntry> {
    const low = Buffer.concat([this.#prefix, start]);
    const high = Buffer.concat([this.#prefix, end]);
    const bounds = reverse
      ? { start: high, end: low, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: low, end: high };
    const options = { ...bounds, ...(limit === undefined ? {} : { limit }), ...this.#reading };
    for (const { key, value } of this.#database.getRange(options)) {
      yield new PartitionEntry(key, this.#prefix.length, value);
    }
  }
}

class PartitionEntry implements StateEntry {
  readonly value: Buffer;
  readonly #storedKey: Buffer;
  readonly #prefixBytes: number;

  constructor(storedKey: Buffer, prefixBytes: number, value: Buffer) {
    this.#storedKey = storedKey;
    this.#prefixBytes = prefixBytes;
    this.value = value;
  }

  get key(): Buffer {
    return this.#storedKey.subarray(this.#prefixBytes);
  }

  keyText(from: number): string {
    return this.#storedKey.toString('utf8', this.#prefixBytes + from);
  }
}

function partitionKey(name: 'metadataState' | 'metadataPosition' | 'metadataLog', partition: number, rest = 0): Buffer {
  const prefix = singleKey(name);
  const key = Buffer.alloc(prefix.length + partitionBytes + rest);
  prefix.copy(key);
  key.writeUInt16BE(partition, prefix.length);
  return key;
}

function recordKey(partition: number, index: bigint): Buffer {
  const key = partitionKey('metadataLog', partition, indexBytes);
  key.writeBigUInt64BE(index, key.length - indexBytes);
  return key;
}

import { singleKey } from '../../store/keys.ts';
import type { RecordRange, StoredRecord, StoreReader, StoreTransaction } from './metadata-store.ts';
import { prefixRange, type StateEntry, type StateRange, type StateReader, type StateWrite } from './state.ts';

/** Bytes of a partition's number and of an index in a key. */
const partitionBytes = 2;
const indexBytes = 8;

/** Above every index that a log reaches. */
const indexEnd = 2n ** 64n - 1n;

/** The partitions as rows of one store (src/store/keys.ts). */
export class RowReader implements StoreReader {
  protected readonly rows: StateReader;

  constructor(rows: StateReader) {
    this.rows = rows;
  }

  state(partition: number): StateReader {
    return new PartitionState(this.rows, partitionKey('metadataState', partition));
  }

  header(partition: number): Buffer | undefined {
    return this.rows.get(partitionKey('metadataPosition', partition));
  }

  *records(partition: number, fromIndex: bigint): Iterable<StoredRecord> {
    const range = { start: recordKey(partition, fromIndex), end: recordKey(partition, indexEnd) };
    for (const { key, value } of this.rows.range(range)) {
      yield { index: key.readBigUInt64BE(key.length - indexBytes), record: value };
    }
  }

  partitions(): readonly number[] {
    const headers = this.rows.range(prefixRange(singleKey('metadataPosition')));
    return [...headers].map(({ key }) => key.readUInt16BE(key.length - partitionBytes));
  }
}

/** The same, with what a commit changes. */
export class RowWriter extends RowReader implements StoreTransaction {
  readonly #write: (key: Buffer, value: Buffer | undefined) => void;

  constructor(rows: StateReader, write: (key: Buffer, value: Buffer | undefined) => void) {
    super(rows);
    this.#write = write;
  }

  writeState(partition: number, writes: readonly StateWrite[]): void {
    const prefix = partitionKey('metadataState', partition);
    for (const { key, value } of writes) this.#write(Buffer.concat([prefix, key]), value);
  }

  writeHeader(partition: number, value: Buffer | undefined): void {
    this.#write(partitionKey('metadataPosition', partition), value);
  }

  putRecord(partition: number, index: bigint, record: Buffer): void {
    this.#write(recordKey(partition, index), record);
  }

  removeRecords(partition: number, { fromIndex, toIndex = indexEnd, countMax }: RecordRange): number {
    const range = { start: recordKey(partition, fromIndex), end: recordKey(partition, toIndex) };
    return this.#remove({ ...range, ...(countMax === undefined ? {} : { limit: countMax }) });
  }

  removeState(partition: number, countMax: number): number {
    return this.#remove({ ...prefixRange(partitionKey('metadataState', partition)), limit: countMax });
  }

  #remove(range: StateRange): number {
    // Collected first: what is read must not change meanwhile.
    const keys = [...this.rows.range(range)].map(({ key }) => Buffer.from(key));
    for (const key of keys) this.#write(key, undefined);
    return keys.length;
  }
}

class PartitionState implements StateReader {
  readonly #rows: StateReader;
  readonly #prefix: Buffer;

  constructor(rows: StateReader, prefix: Buffer) {
    this.#rows = rows;
    this.#prefix = prefix;
  }

  get(key: Buffer): Buffer | undefined {
    return this.#rows.get(Buffer.concat([this.#prefix, key]));
  }

  *range({ start, end, ...how }: StateRange): Iterable<StateEntry> {
    const bounds = { start: Buffer.concat([this.#prefix, start]), end: Buffer.concat([this.#prefix, end]) };
    for (const entry of this.#rows.range({ ...bounds, ...how })) yield new PartitionEntry(entry, this.#prefix.length);
  }
}

class PartitionEntry implements StateEntry {
  readonly #stored: StateEntry;
  readonly #prefixBytes: number;

  constructor(stored: StateEntry, prefixBytes: number) {
    this.#stored = stored;
    this.#prefixBytes = prefixBytes;
  }

  get key(): Buffer {
    return this.#stored.key.subarray(this.#prefixBytes);
  }

  get value(): Buffer {
    return this.#stored.value;
  }

  keyText(from: number): string {
    return this.#stored.keyText(this.#prefixBytes + from);
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

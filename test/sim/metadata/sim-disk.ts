import BTreeModule, { simpleComparator } from 'sorted-btree';
import { StratumError } from '../../../src/base/errors.ts';
import type {
  MetadataStore,
  RecordRange,
  StoredRecord,
  StoreReader,
  StoreSnapshot,
  StoreTransaction,
} from '../../../src/node/metadata/metadata-store.ts';
import type { StateEntry, StateRange, StateReader, StateWrite } from '../../../src/node/metadata/state.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';

// The package is CommonJS: its class is the default of the default.
const BTree = 'default' in BTreeModule ? (BTreeModule.default as typeof BTreeModule) : BTreeModule;

/** Rows by key; a Latin-1 string has a character a byte, and strings compare by characters. */
type Rows = InstanceType<typeof BTreeModule<string, Buffer>>;

/** How long a disk takes, in milliseconds. */
export interface DiskSpeed {
  readonly syncMs: number;
  /** The share of syncs that take long. */
  readonly slowRate: number;
  readonly slowMs: number;
}

export const fastDisk: DiskSpeed = { syncMs: 2, slowRate: 0, slowMs: 2 };

/** Told of each change of a disk at the moment at which it becomes durable. */
export type DiskWatcher = (
  disk: SimDisk,
  before: StoreReader,
  after: StoreReader,
  partitions: ReadonlySet<number>,
) => void;

/**
 * A metadata node's disk, which outlives its processes. What is on it is what was synced: a crash leaves of
 * a commit under way all or nothing.
 */
export class SimDisk {
  readonly id: string;
  speed: DiskSpeed = fastDisk;
  /** Commits fail. */
  isFull = false;
  /** As the data folder's proof of a clean stop: set by it, taken away at the next start. */
  wasCleanlyStopped = true;
  onChange: DiskWatcher | undefined;
  #rows: Rows = new BTree<string, Buffer>([], simpleComparator);
  #pending: PendingCommit | undefined;

  constructor(options: { readonly id: string }) {
    this.id = options.id;
  }

  /** What is durable now, for looking at it from outside. */
  reader(): StoreReader {
    return new RowsReader(this.#rows);
  }

  get rows(): Rows {
    return this.#rows;
  }

  /** A commit's work is done, and its sync begins. */
  begin(pending: PendingCommit): void {
    this.#pending = pending;
  }

  /** The sync is over: all of it is durable and visible. False when a crash was faster. */
  finish(pending: PendingCommit): boolean {
    if (this.#pending !== pending) return false;
    this.#pending = undefined;
    const before = this.#rows;
    this.#rows = pending.rows;
    this.onChange?.(this, new RowsReader(before), new RowsReader(this.#rows), pending.partitions);
    return true;
  }

  /** Nothing of it becomes durable. */
  abandon(): void {
    this.#pending = undefined;
  }

  /** The process is no more: the commit under way made it to the disk, or did not. */
  crash(isKept: boolean): void {
    if (this.#pending !== undefined && isKept) this.finish(this.#pending);
    this.#pending = undefined;
  }
}

/** What a sync will make durable. */
interface PendingCommit {
  readonly rows: Rows;
  readonly partitions: ReadonlySet<number>;
}

interface Waiting {
  readonly run: (transaction: StoreTransaction) => void;
  readonly settle: (failure: unknown) => void;
}

/**
 * The store of one process on a disk, with the promises of the real one: commits one batch after the other, those that wait share a
 * sync, none is visible before it is durable, what throws undoes itself alone.
 */
export class SimMetadataStore implements MetadataStore {
  readonly #disk: SimDisk;
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(modules: { readonly disk: SimDisk; readonly world: SimWorld; readonly process: SimProcess }) {
    this.#disk = modules.disk;
    this.#world = modules.world;
    this.#process = modules.process;
  }

  read<T>(work: (reader: StoreReader) => T): T {
    return work(this.#disk.reader());
  }

  commit<T>(work: (transaction: StoreTransaction) => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#isClosed) {
      reject(new StratumError('INTERNAL', 'the store is closed'));
      return promise;
    }
    let result: { readonly value: T } | undefined;
    this.#waiting.push({
      run: (transaction) => {
        result = { value: work(transaction) };
      },
      settle: (failure) => {
        if (result === undefined || failure !== undefined) reject(failure);
        else resolve(result.value);
      },
    });
    this.#begin();
    return promise;
  }

  snapshot(): StoreSnapshot {
    return new RowsSnapshot(this.#disk.rows.clone());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#isBusy) await this.#commitNothing();
  }

  /** Waits for what is under way. */
  #commitNothing(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ run: () => undefined, settle: () => resolve() });
    return promise;
  }

  #begin(): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    this.#world.schedule(this.#world.random.between(0.01, 0.3), () => this.#process.deliver(() => this.#runBatch()));
  }

  #runBatch(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    let rows = this.#disk.rows.clone();
    const partitions = new Set<number>();
    const failures = new Map<Waiting, unknown>();
    for (const each of batch) {
      const own = rows.clone();
      try {
        each.run(new RowsWriter(own, partitions));
        rows = own;
      } catch (error) {
        failures.set(each, error);
      }
    }
    const pending = { rows, partitions };
    this.#disk.begin(pending);
    this.#world.schedule(this.#syncMs(), () => {
      const isDurable = !this.#disk.isFull && this.#disk.finish(pending);
      if (!isDurable) this.#disk.abandon();
      this.#process.deliver(() => {
        const full = isDurable ? undefined : diskFull(this.#disk.id);
        this.#isBusy = false;
        for (const each of batch) each.settle(failures.get(each) ?? full);
        this.#begin();
      });
    });
  }

  #syncMs(): number {
    const { syncMs, slowRate, slowMs } = this.#disk.speed;
    const { random } = this.#world;
    return random.between(0.1, slowRate > 0 && random.chance(slowRate) ? slowMs : syncMs);
  }
}

function diskFull(id: string): StratumError {
  return new StratumError('DISK_FULL', `the disk ${id} is full`, { what: `disk ${id}`, limit: 0n });
}

const indexEnd = 2n ** 64n - 1n;

class RowsReader implements StoreReader {
  protected readonly rows: Rows;

  constructor(rows: Rows) {
    this.rows = rows;
  }

  state(partition: number): StateReader {
    const prefix = rowPrefix('s', partition);
    return {
      get: (key) => this.rows.get(prefix + key.toString('latin1')),
      range: (range) => stateEntries(this.rows, prefix, range),
    };
  }

  header(partition: number): Buffer | undefined {
    return this.rows.get(rowPrefix('h', partition));
  }

  *records(partition: number, fromIndex: bigint): Iterable<StoredRecord> {
    const end = recordKey(partition, indexEnd);
    for (const [key, record] of this.rows.entries(recordKey(partition, fromIndex))) {
      if (key >= end) return;
      yield { index: Buffer.from(key, 'latin1').readBigUInt64BE(3), record };
    }
  }

  partitions(): readonly number[] {
    return this.rows.getRange('h', 'i').map(([key]) => Buffer.from(key, 'latin1').readUInt16BE(1));
  }
}

class RowsSnapshot extends RowsReader implements StoreSnapshot {
  close(): void {
    this.rows.clear();
  }
}

class RowsWriter extends RowsReader implements StoreTransaction {
  readonly #touched: Set<number>;

  constructor(rows: Rows, touched: Set<number>) {
    super(rows);
    this.#touched = touched;
  }

  writeState(partition: number, writes: readonly StateWrite[]): void {
    const prefix = rowPrefix('s', partition);
    for (const { key, value } of writes) this.#put(prefix + key.toString('latin1'), value);
    this.#touched.add(partition);
  }

  writeHeader(partition: number, value: Buffer | undefined): void {
    this.#put(rowPrefix('h', partition), value);
    this.#touched.add(partition);
  }

  putRecord(partition: number, index: bigint, record: Buffer): void {
    this.#put(recordKey(partition, index), record);
    this.#touched.add(partition);
  }

  removeRecords(partition: number, { fromIndex, toIndex = indexEnd, countMax }: RecordRange): number {
    this.#touched.add(partition);
    return this.#remove(recordKey(partition, fromIndex), recordKey(partition, toIndex), countMax);
  }

  removeState(partition: number, countMax: number): number {
    this.#touched.add(partition);
    const prefix = rowPrefix('s', partition);
    return this.#remove(prefix, prefixEnd(prefix), countMax);
  }

  #put(key: string, value: Buffer | undefined): void {
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, Buffer.from(value));
  }

  #remove(low: string, high: string, countMax = Number.POSITIVE_INFINITY): number {
    const keys = this.rows.getRange(low, high).map(([key]) => key);
    const gone = keys.slice(0, countMax);
    for (const key of gone) this.rows.delete(key);
    return gone.length;
  }
}

function* stateEntries(rows: Rows, prefix: string, range: StateRange): Iterable<StateEntry> {
  const { start, end, reverse = false, limit = Number.POSITIVE_INFINITY } = range;
  const [low, high] = [prefix + start.toString('latin1'), prefix + end.toString('latin1')];
  let left = limit;
  if (reverse) {
    for (const [key, value] of rows.entriesReversed(high)) {
      if (key < low || left <= 0) return;
      if (key >= high) continue;
      left -= 1;
      yield new RowEntry(key.slice(prefix.length), value);
    }
    return;
  }
  for (const [key, value] of rows.entries(low)) {
    if (key >= high || left <= 0) return;
    left -= 1;
    yield new RowEntry(key.slice(prefix.length), value);
  }
}

class RowEntry implements StateEntry {
  readonly key: Buffer;
  readonly value: Buffer;

  constructor(key: string, value: Buffer) {
    this.key = Buffer.from(key, 'latin1');
    this.value = value;
  }

  keyText(from: number): string {
    return this.key.toString('utf8', from);
  }
}

/** Header, log or state of a partition. */
function rowPrefix(kind: 'h' | 'l' | 's', partition: number): string {
  return kind + String.fromCharCode(partition >>> 8, partition & 0xff);
}

/** Above all keys with this prefix of three characters. */
function prefixEnd(prefix: string): string {
  return `${prefix}\u0100`;
}

function recordKey(partition: number, index: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(index);
  return rowPrefix('l', partition) + bytes.toString('latin1');
}

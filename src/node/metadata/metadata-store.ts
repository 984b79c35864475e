import { singleKey } from '../../store/keys.ts';
import { type LmdbEnvironment, openLmdb } from '../../store/lmdb-environment.ts';
import { commitError } from './commit-error.ts';
import type { StateEntry, StateRange, StateReader, StateWrite } from './state.ts';

/** What a commit may do: everything becomes durable and visible together, or not at all. */
export interface StoreTransaction {
  state(partition: number): StateReader;
  writeState(partition: number, writes: readonly StateWrite[]): void;
  position(partition: number): Buffer | undefined;
  writePosition(partition: number, value: Buffer): void;
  appendLog(partition: number, index: bigint, value: Buffer): void;
}

/** What a read may look at: one committed moment. */
export type StoreSnapshot = Pick<StoreTransaction, 'state' | 'position'>;

/**
 * The disk of a metadata node: one LMDB environment in a folder whose lock the caller holds. A commit
 * is on disk when its promise resolves, and not visible to reads before it is (LMDB publishes
 * a transaction only after its sync; `overlappingSync: false` keeps it so).
 */
export class MetadataStore {
  readonly #database: LmdbEnvironment;
  readonly #path: string;

  private constructor(path: string, database: LmdbEnvironment) {
    this.#path = path;
    this.#database = database;
  }

  /** Opens or creates the store; DATA_CORRUPT when the file is no database, or a part of one. */
  static open(path: string): MetadataStore {
    return new MetadataStore(path, openLmdb(path));
  }

  /** Reads one moment: every commit that has resolved is in it. `work` must not await. */
  read<T>(work: (snapshot: StoreSnapshot) => T): T {
    // lmdb-js keeps a read transaction for a turn and renews it when a commit resolves; a new one here needs no such care.
    this.#database.resetReadTxn();
    return work(this.#transaction());
  }

  /**
   * Runs `work` as soon as the store is free to write; it must not await. What it throws undoes all
   * of it. DISK_FULL, or INTERNAL, when it cannot be written (commit-error.ts).
   */
  async commit<T>(work: (transaction: StoreTransaction) => T): Promise<T> {
    try {
      // A child transaction: LMDB would commit what a failed callback of an ordinary one has written.
      return await this.#database.childTransaction(() => work(this.#transaction()));
    } catch (error) {
      throw await commitError(error, this.#path);
    }
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  #transaction(): StoreTransaction {
    const database = this.#database;
    return {
      state: (partition) => new PartitionState(database, stateKey(partition)),
      writeState: (partition, writes) => {
        const prefix = stateKey(partition);
        for (const { key, value } of writes) {
          const full = Buffer.concat([prefix, key]);
          if (value === undefined) database.removeSync(full);
          else database.putSync(full, value);
        }
      },
      position: (partition) => database.get(positionKey(partition)),
      writePosition: (partition, value) => void database.putSync(positionKey(partition), value),
      appendLog: (partition, index, value) => void database.putSync(logKey(partition, index), value),
    };
  }
}

class PartitionState implements StateReader {
  readonly #database: LmdbEnvironment;
  readonly #prefix: Buffer;

  constructor(database: LmdbEnvironment, prefix: Buffer) {
    this.#database = database;
    this.#prefix = prefix;
  }

  get(key: Buffer): Buffer | undefined {
    return this.#database.get(Buffer.concat([this.#prefix, key]));
  }

  *range({ start, end, reverse = false, limit }: StateRange): Iterable<StateEntry> {
    const low = Buffer.concat([this.#prefix, start]);
    const high = Buffer.concat([this.#prefix, end]);
    const bounds = reverse
      ? { start: high, end: low, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: low, end: high };
    for (const { key, value } of this.#database.getRange({ ...bounds, ...(limit === undefined ? {} : { limit }) })) {
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
  const key = Buffer.alloc(prefix.length + 2 + rest);
  prefix.copy(key);
  key.writeUInt16BE(partition, prefix.length);
  return key;
}

function stateKey(partition: number): Buffer {
  return partitionKey('metadataState', partition);
}

function positionKey(partition: number): Buffer {
  return partitionKey('metadataPosition', partition);
}

function logKey(partition: number, index: bigint): Buffer {
  const key = partitionKey('metadataLog', partition, 8);
  key.writeBigUInt64BE(index, key.length - 8);
  return key;
}

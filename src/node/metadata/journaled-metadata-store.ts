import { join } from 'node:path';
import { asStratumError, StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { Journal } from '../../store/journal.ts';
import { singleKey } from '../../store/keys.ts';
import { type LmdbEnvironment, openLmdb } from '../../store/lmdb-environment.ts';
import { commitError } from './commit-error.ts';
import { decodeChanges, encodeChanges } from './journal-changes.ts';
import { type Changes, layered, noChanges } from './layered-state.ts';
import { keyBytesMax, LmdbRows } from './lmdb-rows.ts';
import type { MetadataStore, StoreReader, StoreSnapshot, StoreTransaction } from './metadata-store.ts';
import { RowReader, RowWriter } from './row-store.ts';
import type { StateReader } from './state.ts';

/** So much of the journal is written before what it holds is put into LMDB: thousands of operations, milliseconds of work. */
const defaultCheckpointBytes = 2 * MiB;

/** While LMDB takes nothing, a full disk for example, this much is held in memory; after that commits are refused. */
const heldBytesMax = 32 * MiB;

/** Sizes of a store; what is left out is as production has it. */
export interface JournaledStoreSizes {
  /** Of each of the two files of the journal (store/journal.ts). */
  readonly segmentBytes?: number;
  /** So much of the journal is written before LMDB takes it in. */
  readonly checkpointBytes?: number;
}

/** What a store is made of; the changes, of so many bytes, are what the journal holds and LMDB does not. */
interface StoreParts {
  readonly database: LmdbEnvironment;
  readonly journal: Journal;
  readonly changes: Changes;
  readonly heldBytes: number;
}

/** A commit that waits for its turn. */
interface Job {
  readonly run: (transaction: StoreTransaction) => void;
  readonly changes: Changes;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The store of a metadata node: LMDB, and before it a journal. A commit is on disk when it is in the journal (one write and one
 * sync, for all commits that wait); it gets into LMDB with many others later, and until then reads find it in memory. LMDB
 * remembers up to where it has taken the journal in, in the same transaction; after a crash the rest is read again.
 */
export class JournaledMetadataStore implements MetadataStore {
  readonly #path: string;
  readonly #database: LmdbEnvironment;
  readonly #journal: Journal;
  readonly #jobs: Job[] = [];
  #committing: Promise<void> | undefined;
  #checkpointing: Promise<void> | undefined;
  /** In the journal, and not in LMDB. */
  #changes: Changes;
  /** On its way into LMDB; not changed any more. */
  #leaving: Changes = noChanges();
  #heldBytes: number;
  readonly #checkpointBytes: number;
  #checkpointAtBytes: number;
  #isClosing = false;
  #checkpointError: StratumError | undefined;

  private constructor(
    { path, checkpointBytes }: { readonly path: string; readonly checkpointBytes: number },
    { database, journal, changes, heldBytes }: StoreParts,
  ) {
    this.#checkpointBytes = checkpointBytes;
    this.#checkpointAtBytes = checkpointBytes;
    this.#path = path;
    this.#database = database;
    this.#journal = journal;
    this.#changes = changes;
    this.#heldBytes = heldBytes;
  }

  /** Opens or creates the store; DATA_CORRUPT when the database or the journal is none, or a part of one. */
  static async open(
    path: string,
    { segmentBytes, checkpointBytes = defaultCheckpointBytes }: JournaledStoreSizes = {},
    openDatabase: (path: string) => LmdbEnvironment = openLmdb,
  ): Promise<JournaledMetadataStore> {
    const database = openDatabase(path);
    try {
      const changes = noChanges();
      let heldBytes = 0;
      const options = { path: join(path, 'journal'), ...(segmentBytes === undefined ? {} : { segmentBytes }) };
      const journal = await Journal.open(options, takenTo(database), (payload) => {
        heldBytes += payload.length;
        for (const [key, value] of decodeChanges(payload)) changes.set(key, value);
      });
      const store = new JournaledMetadataStore({ path, checkpointBytes }, { database, journal, changes, heldBytes });
      if (changes.size > 0) await store.#checkpoint();
      return store;
    } catch (error) {
      await database.close();
      throw await commitError(error, path);
    }
  }

  read<T>(work: (reader: StoreReader) => T): T {
    return work(new RowReader(this.#rows()));
  }

  commit<T>(work: (transaction: StoreTransaction) => T): Promise<T> {
    // The last checkpoint must not meet an append: it would say of it that LMDB has it.
    if (this.#isClosing) return Promise.reject(closed(this.#path));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let result: T;
    this.#jobs.push({
      changes: noChanges(),
      run: (transaction) => {
        result = work(transaction);
      },
      done: () => resolve(result),
      failed: reject,
    });
    this.#committing ??= this.#commitAll();
    return promise;
  }

  snapshot(): StoreSnapshot {
    this.#database.resetReadTxn();
    // biome-ignore lint/correctness/useHookAtTopLevel: a method of lmdb-js, not a hook of React.
    const transaction = this.#database.useReadTransaction();
    const layers = [this.#changes.clone(), this.#leaving.clone()];
    const reader = new RowReader(layered(layers, new LmdbRows(this.#database, transaction)));
    return {
      state: (partition) => reader.state(partition),
      header: (partition) => reader.header(partition),
      records: (partition, fromIndex) => reader.records(partition, fromIndex),
      partitions: () => reader.partitions(),
      close: () => transaction.done(),
    };
  }

  /** Finishes what was asked for, and puts all of the journal into LMDB. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#committing;
    await this.#checkpointing;
    if (this.#changes.size > 0) await this.#checkpoint();
    await this.#journal.close();
    await this.#database.close();
  }

  #rows(above: readonly Changes[] = []): StateReader {
    return layered([...above, this.#changes, this.#leaving], new LmdbRows(this.#database));
  }

  async #commitAll(): Promise<void> {
    // A turn later, so that what is asked for in the same moment is committed together.
    await Promise.resolve();
    while (this.#jobs.length > 0) await this.#commitSome(this.#jobs.splice(0));
    this.#committing = undefined;
  }

  async #commitSome(jobs: readonly Job[]): Promise<void> {
    const batch = noChanges();
    const sound = jobs.filter((job) => this.#runs(job, batch));
    const payload = encodeChanges(batch);
    try {
      await this.#makeRoom(payload.length);
      if (batch.size > 0) await this.#journal.append([payload]);
    } catch (error) {
      const failure = await commitError(error, this.#path);
      for (const { failed } of sound) failed(failure);
      return;
    }
    batch.forEachPair((key, value) => void this.#changes.set(key, value));
    this.#heldBytes += payload.length;
    for (const { done } of sound) done();
    if (this.#heldBytes >= this.#checkpointAtBytes) this.#beginCheckpoint();
  }

  /** Waits until the journal has room, which is when LMDB has taken the older half of it in. */
  async #makeRoom(bytes: number): Promise<void> {
    const isFull = () => this.#heldBytes >= heldBytesMax || this.#journal.isFull(bytes);
    // The one that is under way may have begun too early to be enough.
    for (let tries = 0; isFull() && tries < 2; tries += 1) {
      this.#beginCheckpoint();
      await this.#checkpointing;
    }
    if (isFull()) throw this.#checkpointError ?? new StratumError('INTERNAL', `${this.#path}: the journal stays full`);
  }

  /** Runs a commit's work over what those before it have written; one that throws leaves nothing. */
  #runs({ run, changes, failed }: Job, batch: Changes): boolean {
    const write = (key: Buffer, value: Buffer | undefined) => {
      if (key.length > keyBytesMax) throw tooLong(this.#path, key);
      changes.set(key.toString('latin1'), value);
    };
    try {
      run(new RowWriter(this.#rows([changes, batch]), write));
    } catch (error) {
      failed(asStratumError(error));
      return false;
    }
    changes.forEachPair((key, value) => void batch.set(key, value));
    return true;
  }

  #beginCheckpoint(): void {
    this.#checkpointing ??= this.#checkpoint().finally(() => {
      this.#checkpointing = undefined;
    });
  }

  /** Puts what the journal holds into LMDB. A failure is kept for those whom it concerns: whoever finds no room. */
  async #checkpoint(): Promise<void> {
    const sequence = this.#journal.lastSequence;
    const bytes = this.#heldBytes;
    this.#leaving = this.#changes;
    this.#changes = noChanges();
    try {
      await this.#database.childTransaction(() => {
        this.#leaving.forEachPair((key, value) => {
          const row = Buffer.from(key, 'latin1');
          if (value === undefined) this.#database.removeSync(row);
          else this.#database.putSync(row, value);
        });
        this.#database.putSync(singleKey('metadataJournal'), encodeSequence(sequence));
      });
    } catch (error) {
      this.#checkpointError = await commitError(error, this.#path);
      const newer = this.#changes;
      this.#changes = this.#leaving;
      this.#leaving = noChanges();
      newer.forEachPair((key, value) => void this.#changes.set(key, value));
      // Not at every commit from now on.
      this.#checkpointAtBytes = this.#heldBytes + this.#checkpointBytes;
      return;
    }
    this.#journal.release(sequence);
    this.#leaving = noChanges();
    this.#database.resetReadTxn();
    this.#heldBytes -= bytes;
    this.#checkpointAtBytes = this.#checkpointBytes;
    this.#checkpointError = undefined;
  }
}

function closed(path: string): StratumError {
  return new StratumError('SHUTTING_DOWN', `the metadata store ${path} is closed`);
}

/** It would be in the journal, and LMDB would never take it. */
function tooLong(path: string, key: Buffer): StratumError {
  const message = `the metadata store ${path} cannot be written: a key of ${key.length} bytes, at most ${keyBytesMax}`;
  return new StratumError('INTERNAL', message);
}

function takenTo(database: LmdbEnvironment): bigint {
  const bytes = database.get(singleKey('metadataJournal'));
  return bytes === undefined ? 0n : bytes.readBigUInt64BE(1);
}

function encodeSequence(sequence: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(1);
  bytes.writeBigUInt64BE(sequence, 1);
  return bytes;
}

import type { Clock } from '../base/clock.ts';
import { asStratumError, assert, explain, StratumError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Oid } from '../base/oid.ts';
import type { Random } from '../base/random.ts';
import { KiB, MiB } from '../base/units.ts';
import { blobNotFound, copyLostMeanwhile } from './blob-errors.ts';
import { type BlobFileRange, BlobFileReader } from './blob-file-reader.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import { readRange } from './blob-range.ts';
import { type BlobRecord, isGood, mayBeInIndex } from './blob-record.ts';
import type {
  BlobChunks,
  BlobInfo,
  BlobPage,
  BlobPresence,
  BlobStore,
  BlobStoreStats,
  PutFate,
  SmallBlob,
  SmallBlobAnswer,
} from './blob-store.ts';
import { checkContent, checkedContent, damagedCopy } from './checked-content.ts';
import { diskError } from './disk-error.ts';
import { DiskSpace, type MeasureDisk, measureDisk } from './disk-space.ts';
import type { Durability } from './durability.ts';
import { KeyedLock } from './keyed-lock.ts';
import { limitIdle } from './limit-idle.ts';
import { type BlobParts, openBlobParts } from './open-blob-parts.ts';
import { PeriodicFlush } from './periodic-flush.ts';
import { PinCounts } from './pin-counts.ts';
import { damageOf, Quarantine } from './quarantine.ts';
import { readWhole, tooLarge } from './read-whole.ts';
import { singleChunk } from './single-chunk.ts';
import { SmallBlobWriter } from './small-blob-writer.ts';
import { noObserver, type StoreObserver } from './store-observer.ts';
import { type ReadBootId, readBootId, type UnsyncedMarker } from './unsynced-marker.ts';

/** Values of a disk blob store. */
export interface DiskBlobStoreOptions {
  /** Folder of the store; its parent is the locked data folder. */
  readonly path: string;
  /** Blobs up to this many bytes are kept in LMDB; 64 KiB unless given. */
  readonly indexedBytesMax?: number;
  /** Bytes of the disk that writes leave free; 64 MiB unless given. */
  readonly freeBytesMin?: number;
  /** What an acknowledged write has behind it; `disk` unless given. */
  readonly durability?: Durability;
}

/** What a disk blob store needs. */
export interface DiskBlobStoreModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly measureDisk?: MeasureDisk;
  readonly observer?: StoreObserver;
  /** The kernel's unless given. */
  readonly readBootId?: ReadBootId;
}

/** With durability `quorum`: the longest that the index waits for the disk. */
const flushIntervalMs = 1_000;

/** For how long the sender of a blob may send nothing: as long as a slow link may be away, and no longer. */
const idleMsMax = 30_000;

/** What is asked of a file before it is open. */
type ReadRange = Omit<BlobFileRange, 'whole' | 'onDamaged'>;

/**
 * Measured on ext4, with fsync: up to 64 KiB, LMDB with its group commit stores more blobs a second
 * than files do (4,400 to 3,300 at 64 KiB, 48,000 to 5,500 at a few KiB); from 128 KiB on files are ahead.
 */
const indexedBytesDefault = 64 * KiB;

/** Room for LMDB's copy-on-write pages of many deletes and renewals. */
const freeBytesDefault = 64 * MiB;

/**
 * A blob store on LMDB and files. What is acknowledged is on disk: content first, then its record,
 * so that a crash at any moment leaves either no record (and perhaps a file, which the next start
 * deletes) or a whole blob. What touches the file of a blob happens in the blob's turn, one at a
 * time; what touches the index alone is one transaction, and transactions come in the order of the
 * calls. With durability `quorum` all that outlives the process, but not the machine: after a crash
 * of the machine the store refuses to open (unsynced-marker.ts).
 */
export class DiskBlobStore implements BlobStore {
  readonly #indexedBytesMax: number;
  readonly #index: BlobIndex;
  readonly #files: BlobFiles;
  readonly #space: DiskSpace;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #quarantine: Quarantine;
  readonly #locks = new KeyedLock();
  /** Blobs that are being put: not to be deleted. */
  readonly #beingPut = new PinCounts();
  readonly #small: SmallBlobWriter;
  /** With durability `quorum` alone. */
  readonly #unsynced: { readonly marker: UnsyncedMarker; readonly flushing: PeriodicFlush } | undefined;

  private constructor(
    options: DiskBlobStoreOptions,
    { index, files, marker }: BlobParts,
    modules: DiskBlobStoreModules,
  ) {
    this.#indexedBytesMax = options.indexedBytesMax ?? indexedBytesDefault;
    this.#index = index;
    this.#files = files;
    this.#clock = modules.clock;
    this.#log = modules.log;
    this.#quarantine = new Quarantine({ ...modules, observer: modules.observer ?? noObserver, index, files });
    const spaceOptions = { path: options.path, freeBytesMin: options.freeBytesMin ?? freeBytesDefault };
    this.#space = new DiskSpace(spaceOptions, {
      ...modules,
      measureDisk: modules.measureDisk ?? measureDisk,
    });
    if (options.durability === 'quorum') {
      const flushing = new PeriodicFlush(
        { intervalMs: flushIntervalMs },
        { ...modules, flush: () => files.flush().then(() => index.flush()) },
      );
      this.#unsynced = { marker, flushing };
    }
    this.#small = new SmallBlobWriter({
      clock: modules.clock,
      index,
      files,
      space: this.#space,
      locks: this.#locks,
      beingPut: this.#beingPut,
    });
  }

  /** Opens or creates a store; after anything but a clean close, files and records are compared first. */
  static async open(options: DiskBlobStoreOptions, modules: DiskBlobStoreModules): Promise<DiskBlobStore> {
    const { path, durability = 'disk' } = options;
    const { observer = noObserver, readBootId: readId = readBootId } = modules;
    const parts = await openBlobParts({ path, durability }, { ...modules, observer, readBootId: readId });
    return new DiskBlobStore(options, parts, modules);
  }

  async put(oid: Oid, size: number, chunks: BlobChunks<Uint8Array>): Promise<{ readonly existed: boolean }> {
    const limit = { sender: `the sender of blob ${oid}`, idleMsMax };
    const content = checkedContent(oid, size, limitIdle(chunks, limit, { clock: this.#clock }));
    if (size <= this.#indexedBytesMax) return this.#small.put(oid, size, content);
    const release = (chunk: Uint8Array) => chunks.release?.(chunk);
    return this.#putLarge(oid, size, { [Symbol.asyncIterator]: () => content, release });
  }

  async #putLarge(oid: Oid, size: number, content: BlobChunks<Uint8Array>): Promise<{ existed: boolean }> {
    // Pinned in its turn: a delete that is under way ends first, a later one finds the blob in use.
    await this.#locks.run(oid, async () => this.#beingPut.add(oid));
    try {
      // Hashed, not trusted: a copy that has rotted must not count as one of W.
      if ((await this.verify(oid)) === 'PRESENT') return await this.#renew(oid, content);
      return await this.#putFile(oid, size, content);
    } finally {
      this.#beingPut.remove(oid);
    }
  }

  /** Checks what was sent for a blob that is held, and renews its age; nothing is written but the record. */
  async #renew(oid: Oid, chunks: BlobChunks<Uint8Array>): Promise<{ existed: boolean }> {
    for await (const chunk of chunks) chunks.release?.(chunk); // Only its check is wanted.
    return this.#locks.run(oid, () =>
      this.#index.change(oid, (current) => {
        if (!isGood(current)) throw copyLostMeanwhile(oid);
        return { next: { ...current, storedAtMs: this.#clock.nowMs() }, result: { existed: true } };
      }),
    );
  }

  async #putFile(oid: Oid, size: number, chunks: BlobChunks<Uint8Array>): Promise<{ existed: boolean }> {
    const room = await this.#space.reservePaced(size);
    try {
      const temporary = await this.#files.writeTemporary(oid, room.pace(chunks));
      return await this.#locks.run(oid, async () => {
        const before = await this.#publish(oid, size, temporary);
        if (before?.quarantined === true) await this.#files.removeQuarantined(oid);
        return { existed: isGood(before) };
      });
    } finally {
      room.release();
    }
  }

  /** Makes a finished temporary file the blob; gives the record that was there. Called in the blob's turn. */
  async #publish(oid: Oid, size: number, temporary: string): Promise<BlobRecord | undefined> {
    try {
      await this.#files.publish(oid, temporary);
      return await this.#index.change(oid, (current) => {
        const hadContent = current !== undefined && mayBeInIndex(current);
        const next = { place: 'file', quarantined: false, size, storedAtMs: this.#clock.nowMs() } as const;
        return { next, ...(hadContent ? { content: 'remove' } : {}), result: current };
      });
    } catch (error) {
      await this.#files.discard(temporary);
      const record = this.#index.record(oid);
      // Published, and then the disk had no room for the record.
      if (!isGood(record) || record.place !== 'file') await this.#files.remove(oid);
      throw diskError(error, `blob ${oid}`);
    }
  }

  async putMany(blobs: readonly SmallBlob[]): Promise<readonly PutFate[]> {
    const small = new Map<Oid, Buffer>();
    // Decided at once, under way on its own, or undefined: with the others of the batch.
    const alone = blobs.map(({ oid, content }): PutFate | Promise<PutFate> | undefined => {
      if (content.length > this.#indexedBytesMax) {
        return this.put(oid, content.length, singleChunk(content)).catch(asStratumError);
      }
      const mismatch = checkContent(oid, content);
      if (mismatch !== undefined) return mismatch;
      if (!small.has(oid)) small.set(oid, content);
      return undefined;
    });
    const together = await this.#small.putMany(small);
    const answered = new Set<Oid>();
    return Promise.all(
      blobs.map(({ oid }, index) => {
        const fate = alone[index] ?? together.get(oid);
        assert(fate !== undefined, 'every blob that is put has a fate');
        const isRepeated = alone[index] === undefined && answered.has(oid);
        if (alone[index] === undefined) answered.add(oid);
        return isRepeated && !(fate instanceof StratumError) ? { existed: true } : fate;
      }),
    );
  }

  async stat(oid: Oid): Promise<BlobInfo | undefined> {
    const record = this.#index.record(oid);
    return isGood(record) ? { oid, size: record.size, storedAtMs: record.storedAtMs } : undefined;
  }

  async presence(oid: Oid): Promise<BlobPresence> {
    try {
      const record = this.#index.record(oid);
      if (record === undefined) return 'MISSING';
      if (record.unreadable === true) await this.#locks.run(oid, () => this.#quarantine.putUnreadable(oid));
      return record.quarantined ? 'CORRUPT' : 'PRESENT';
    } catch (error) {
      return this.#cannotSay(oid, error);
    }
  }

  /** The fate of one blob whose look-up or content the disk refuses; the others have theirs. */
  #cannotSay(oid: Oid, error: unknown): 'UNKNOWN' {
    this.#log.error({ oid, error: explain(error) }, 'a stored blob could not be looked at');
    return 'UNKNOWN';
  }

  read(oid: Oid, offset = 0, length?: number): Promise<{ size: number; chunks: BlobChunks }> {
    return this.#read(oid, offset, length, false);
  }

  #read(
    oid: Oid,
    offset: number,
    length: number | undefined,
    reusesBuffer: boolean,
  ): Promise<{ size: number; chunks: BlobChunks }> {
    // In its turn, so that record and file are of one moment.
    return this.#locks.run(oid, async () => {
      const record = this.#index.record(oid);
      if (record === undefined) throw blobNotFound(oid);
      if (record.quarantined) throw damagedCopy(oid, 'found earlier');
      const range = { ...readRange(oid, record.size, offset, length), oid, reusesBuffer };
      if (record.place === 'file') return { size: record.size, chunks: await this.#readFile(oid, record, range) };
      const content = this.#index.content(oid);
      const damage = damageOf(oid, content);
      if (content === undefined || damage !== undefined) {
        const got = damage ?? 'its content is gone';
        await this.#quarantine.put(oid, 'index', got);
        throw damagedCopy(oid, got);
      }
      const part = content.subarray(range.offset, range.offset + range.length);
      return { size: record.size, chunks: singleChunk(part) };
    });
  }

  async #readFile(oid: Oid, record: BlobRecord, range: ReadRange): Promise<BlobFileReader> {
    const file = await this.#files.open(oid);
    const size = await file?.stat().then((stats) => stats.size);
    if (file === undefined || size !== record.size) {
      await file?.close();
      const got = size === undefined ? 'its file is gone' : `its file has ${size} bytes instead of ${record.size}`;
      await this.#quarantine.put(oid, 'file', got);
      throw damagedCopy(oid, got);
    }
    const onDamaged = (got: string) =>
      this.#locks.run(oid, async () => {
        // A put may have replaced the file that was read by a good one.
        if (await this.#files.isCurrent(oid, file)) await this.#quarantine.put(oid, 'file', got);
      });
    return new BlobFileReader(file, { ...range, whole: range.length === record.size, onDamaged });
  }

  async getMany(oids: readonly Oid[], bytesMax: number): Promise<readonly SmallBlobAnswer[]> {
    const answers: SmallBlobAnswer[] = [];
    let bytes = 0;
    for (const oid of oids) {
      // The way of nearly all: one look-up, no promise, and a check for flipped bits.
      const content = this.#index.checkedContent(oid);
      const info = content === undefined ? await this.stat(oid) : { oid, size: content.length };
      if (info !== undefined && bytes + info.size > bytesMax) {
        if (answers.length === 0) throw tooLarge(info, bytesMax);
        break;
      }
      const answer = content === undefined ? await this.#wholeOf(oid) : ({ presence: 'PRESENT', content } as const);
      bytes += answer.presence === 'PRESENT' ? answer.content.length : 0;
      answers.push(answer);
    }
    return answers;
  }

  async #wholeOf(oid: Oid): Promise<SmallBlobAnswer> {
    const presence = await this.presence(oid);
    if (presence !== 'PRESENT') return { presence };
    try {
      return await readWhole(this, oid);
    } catch (error) {
      return { presence: this.#cannotSay(oid, error) };
    }
  }

  async verify(oid: Oid): Promise<BlobPresence> {
    const before = await this.presence(oid);
    if (before !== 'PRESENT') return before;
    try {
      const { chunks } = await this.#read(oid, 0, undefined, true);
      for await (const _ of chunks); // Reading it whole checks it.
      return 'PRESENT';
    } catch (error) {
      // Damaged, deleted meanwhile, or damaged and put anew: what is true now is the answer.
      if (wasJudged(error)) return this.presence(oid);
      return this.#cannotSay(oid, error);
    }
  }

  delete(oid: Oid, storedBeforeMs?: number): Promise<boolean> {
    return this.#locks.run(oid, async () => {
      if (this.#beingPut.has(oid)) return false;
      // The record goes first: a file without one is deleted at the next start.
      const deleted = await this.#index.change(oid, (current) => {
        const kept = storedBeforeMs !== undefined && current !== undefined && !isOlder(current, storedBeforeMs);
        if (current === undefined || kept) return { next: current, result: undefined };
        return { next: undefined, ...(mayBeInIndex(current) ? { content: 'remove' } : {}), result: current };
      });
      if (deleted === undefined) return false;
      await this.#files.remove(oid);
      return true;
    });
  }

  async list(from: bigint, to: bigint, cursor: Oid | undefined, pageSize: number): Promise<BlobPage> {
    return this.#index.list(from, to, cursor, pageSize);
  }

  async stats(): Promise<BlobStoreStats> {
    return { ...this.#index.totals(), ...(await this.#space.room()) };
  }

  /** The caller has ended all other calls. */
  async close(): Promise<void> {
    await this.#unsynced?.flushing.stop();
    try {
      await this.#files.flush();
    } finally {
      await this.#index.close();
    }
    await this.#unsynced?.marker.remove();
  }
}

/** Whether a blob was put before a time; one whose record cannot be read may be of any age. */
function isOlder({ storedAtMs, unreadable }: BlobRecord, thanMs: number): boolean {
  return unreadable !== true && storedAtMs < thanMs;
}

/** Whether a read ended with what it found, and not with a disk that would not let it look. */
function wasJudged(error: unknown): boolean {
  return error instanceof StratumError && (error.code === 'CHECKSUM_MISMATCH' || error.code === 'BLOB_NOT_FOUND');
}

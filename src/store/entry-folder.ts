import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../base/clock.ts';
import { explain, StratumError, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Random, randomHex } from '../base/random.ts';
import { formatBytes } from '../base/units.ts';
import { diskError, diskFull } from './disk-error.ts';
import { type MeasureDisk, measureDisk } from './disk-space.ts';
import { syncFolder } from './durable-file.ts';
import { eachLimited } from './each-limited.ts';
import { EntryFile } from './entry-file.ts';
import { EntryFileReader } from './entry-file-reader.ts';
import { EntryFileWriter, type EntryWriterOwner } from './entry-file-writer.ts';
import { contentBytesIn, encodeFooter } from './entry-footer.ts';
import { asStoredEntry, EntryIndex, type EntryRow } from './entry-index.ts';
import { checkEntryNames } from './entry-names.ts';
import { entryFileName, filesAtOnceMax, scanEntries, unfinishedFileName } from './entry-scan.ts';
import { freeBytesOf } from './free-bytes.ts';
import type { EntryReader, EntryWriter, StoredEntry } from './stored-entry.ts';

export type { EntryReader, EntryWriter, StoredEntry } from './stored-entry.ts';

/** Bounds of an entry folder. */
export interface EntryFolderOptions {
  readonly path: string;
  /** The most that the files of all entries may take, footers, whole blocks and those that are being written included. */
  readonly bytesMax: number;
  /** The most entries: each takes some hundred bytes of memory, and its time at the next start; 200,000 unless given. */
  readonly entriesMax?: number;
  /** The most content that one entry may have. */
  readonly entryBytesMax: number;
  /** How long an entry stays that nobody reads, in milliseconds. */
  readonly ageMaxMs: number;
  /** What stays free on the disk: entries are evicted for it, and then writes are refused with DISK_FULL. */
  readonly freeBytesMin: number;
}

/** What an entry folder needs. */
export interface EntryFolderModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The disk's free room; the real one when left out. */
  readonly measureDisk?: MeasureDisk | undefined;
}

/** What an entry folder holds, in bytes of content; evictions (for space and for age) are since it was opened. */
export interface EntryFolderStats {
  readonly entries: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly evictions: number;
}

const defaultEntriesMax = 200_000;

/** Between two looks for what is too old, and at the disk. */
const sweepIntervalMs = 10_000;

/** The use that a file tells of is at most so much too early. */
const useKeptEveryMs = 60_000;

/** For so long content that was found right is taken for right: a bit that flips later is found by the first reader after it. */
const checkLastsMs = 600_000;

/** What unfinished entries may take of the bound together: clients that read slowly must not evict all that is finished. */
const unfinishedShareMax = 0.5;

/**
 * A folder of files, each the bytes of a key: a cache on disk. Bounded in bytes and in entries; what was not used for
 * longest goes first. It survives a restart, and a crash leaves no half entry. Nothing in it is needed: a file or the whole folder
 * that is deleted under it is a miss.
 *
 * Each entry has a file of its own name, also the second of one key, so that deleting one never meets another. An open
 * file stays readable after it was deleted, which is what readers of evicted entries live on.
 */
export class EntryFolder {
  readonly #options: EntryFolderOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #measure: MeasureDisk;
  readonly #index = new EntryIndex();
  /** Room given to entries that are being written. */
  #reservedBytes = 0;
  #evictions = 0;
  #makingRoom: Promise<void> = Promise.resolve();
  readonly #background = new Set<Promise<unknown>>();
  readonly #sweepTimer: Timer;
  #isClosed = false;

  private constructor(options: EntryFolderOptions, modules: EntryFolderModules) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#random = modules.random;
    this.#log = modules.log;
    this.#measure = modules.measureDisk ?? measureDisk;
    this.#sweepTimer = this.#clock.every(sweepIntervalMs, () => this.#inBackground(this.sweep()));
  }

  /** Opens a folder, which is made if it is not there; rejects with the system's error when it cannot be used. */
  static async open(options: EntryFolderOptions, modules: EntryFolderModules): Promise<EntryFolder> {
    await mkdir(options.path, { recursive: true });
    const rows = await scanEntries(options.path, modules);
    const folder = new EntryFolder(options, modules);
    await folder.#adopt(rows);
    return folder;
  }

  /** Begins to read an entry, which counts as a use; undefined when there is none. The reader must be released. */
  acquire(key: string): EntryReader | undefined {
    const row = this.#current(key);
    if (row === undefined) return undefined;
    const file = this.#openFile(row);
    if (file === undefined) return undefined;
    this.#use(row);
    const nowMs = this.#clock.monotonicMs();
    const mustCheck = row.checkedAtMs === undefined || nowMs - row.checkedAtMs >= checkLastsMs;
    return new EntryFileReader(
      { entry: asStoredEntry(row), file, mustCheck },
      {
        checked: () => {
          row.checkedAtMs = this.#clock.monotonicMs();
        },
        damaged: (reason) => {
          this.#log.error({ key, reason }, 'a cache entry is damaged: deleted');
          this.#inBackground(this.#drop(row));
        },
      },
    );
  }

  /** What is known of an entry; does not count as a use. */
  peek(key: string): StoredEntry | undefined {
    const row = this.#current(key);
    return row === undefined ? undefined : asStoredEntry(row);
  }

  /** Counts a use of an entry whose bytes the caller has from elsewhere; undefined when there is none. */
  touch(key: string): StoredEntry | undefined {
    const row = this.#current(key);
    if (row === undefined) return undefined;
    this.#use(row);
    return asStoredEntry(row);
  }

  /**
   * Begins to write an entry. INVALID_ARGUMENT for a key that is not 64 hex digits or a tag over 128 bytes, DISK_FULL,
   * SHUTTING_DOWN, or the disk's own error.
   */
  async begin(key: string, { tag }: { readonly tag: string }): Promise<EntryWriter> {
    if (this.#isClosed) throw new StratumError('SHUTTING_DOWN', 'the cache folder is closed');
    checkEntryNames(key, tag);
    const fileName = entryFileName(key, randomHex(this.#random, 8));
    const path = join(this.#options.path, unfinishedFileName(fileName));
    const entryBytesMax = Math.min(this.#options.entryBytesMax, contentBytesIn(this.#options.bytesMax));
    try {
      const file = await this.#create(path);
      return new EntryFileWriter(file, { entryBytesMax }, this.#ownerOf({ key, tag, fileName, path, file }));
    } catch (error) {
      throw await this.#asError(error);
    }
  }

  /** Deletes an entry; whether there was one. */
  async delete(key: string): Promise<boolean> {
    const row = this.#index.get(key);
    if (row === undefined) return false;
    await this.#drop(row);
    return true;
  }

  /** Deletes the entries that a predicate picks, and says which. */
  async deleteWhere(predicate: (entry: StoredEntry) => boolean): Promise<StoredEntry[]> {
    const picked = [...this.#index.rows()].filter((row) => predicate(asStoredEntry(row)));
    for (const row of picked) await this.#drop(row);
    return picked.map(asStoredEntry);
  }

  /** All entries, the one that was not used for longest first. */
  *entries(): Iterable<StoredEntry> {
    for (const row of this.#index.rows()) if (!this.#isOver(row)) yield asStoredEntry(row);
  }

  get stats(): EntryFolderStats {
    const { size: entries, bytes } = this.#index;
    return { entries, bytes, bytesMax: this.#options.bytesMax, evictions: this.#evictions };
  }

  /** Evicts what is too old, and what keeps the disk from having its free room; happens by itself every ten seconds. */
  async sweep(): Promise<void> {
    for (const row of [...this.#index.rows()]) if (this.#isOver(row)) await this.#evict(row);
    try {
      await this.#makeRoom(0);
    } catch (error) {
      // Nothing is left to evict, or the disk does not answer: who writes next is told.
      this.#log.debug({ reason: explain(error) }, 'the cache folder has no room');
    }
  }

  /** Waits for what is under way in the background. Readers and writers must have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer.cancel();
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Takes what was found, and deletes many at a time what is too much of it: the bounds may have been wider. */
  async #adopt(rows: readonly EntryRow[]): Promise<void> {
    const gone = rows.flatMap((row) => this.#index.add(row) ?? []);
    const forget = (row: EntryRow) => {
      if (this.#index.remove(row)) gone.push(row);
      this.#evictions += 1;
    };
    for (const row of this.#index.rows()) if (this.#isOver(row)) forget(row);
    for (const row of this.#index.rows()) {
      if (!this.#hasTooMany() && this.#index.fileBytes <= this.#options.bytesMax) break;
      forget(row);
    }
    await eachLimited(gone, filesAtOnceMax, (row) => this.#unlink(row));
    await this.sweep();
  }

  #hasTooMany(): boolean {
    return this.#index.size > (this.#options.entriesMax ?? defaultEntriesMax);
  }

  #current(key: string): EntryRow | undefined {
    const row = this.#isClosed ? undefined : this.#index.get(key);
    if (row === undefined || !this.#isOver(row)) return row;
    this.#inBackground(this.#evict(row));
    return undefined;
  }

  #isOver({ facts: { expiresAtMs }, usedAtMs }: EntryRow): boolean {
    const nowMs = this.#clock.nowMs();
    return nowMs - usedAtMs >= this.#options.ageMaxMs || (expiresAtMs !== undefined && nowMs >= expiresAtMs);
  }

  #openFile(row: EntryRow): EntryFile | undefined {
    if (row.file?.share() === true) return row.file;
    try {
      row.file = EntryFile.openSync(join(this.#options.path, row.fileName));
      return row.file;
    } catch (error) {
      const { key } = row.facts;
      if (systemCode(error) === 'ENOENT') this.#index.remove(row);
      this.#log.warn({ key, reason: explain(error) }, 'a cache entry cannot be opened: taken for missing');
      return undefined;
    }
  }

  #use(row: EntryRow): void {
    const nowMs = this.#clock.nowMs();
    this.#index.use(row, nowMs);
    if (nowMs - row.keptUseAtMs < useKeptEveryMs) return;
    row.keptUseAtMs = nowMs;
    this.#inBackground(this.#keepUse(row));
  }

  async #keepUse({ fileName, facts: { key }, usedAtMs }: EntryRow): Promise<void> {
    try {
      await utimes(join(this.#options.path, fileName), usedAtMs / 1_000, usedAtMs / 1_000);
    } catch (error) {
      this.#log.debug({ key, reason: explain(error) }, 'the use of a cache entry could not be noted');
    }
  }

  /** The folder may have been deleted under the process: it is made again, and all that it held is gone. */
  async #create(path: string): Promise<EntryFile> {
    try {
      return await EntryFile.create(path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.#log.warn({ path: this.#options.path }, 'the cache folder was deleted: made again');
      for (const row of [...this.#index.rows()]) this.#index.remove(row);
      await mkdir(this.#options.path, { recursive: true });
      return await EntryFile.create(path);
    }
  }

  #ownerOf(writing: { key: string; tag: string; fileName: string; path: string; file: EntryFile }): EntryWriterOwner {
    const { key, tag, fileName, path, file } = writing;
    return {
      makeRoom: (bytes, heldBytes) => this.#reserve(bytes, heldBytes),
      store: async ({ sizeBytes, crc32, roomBytes }, { expiresAtMs, costMs = 0 }) => {
        const usedAtMs = Math.round(this.#clock.nowMs());
        const facts = { key, tag, sizeBytes, crc32, storedAtMs: usedAtMs, expiresAtMs, costMs: Math.round(costMs) };
        await file.write([encodeFooter(facts)], sizeBytes);
        await utimes(path, usedAtMs / 1_000, usedAtMs / 1_000);
        await file.sync();
        await rename(path, join(this.#options.path, fileName));
        const row = { facts, fileName, usedAtMs, keptUseAtMs: usedAtMs, checkedAtMs: this.#clock.monotonicMs(), file };
        const old = this.#index.add(row);
        this.#reservedBytes -= roomBytes;
        if (old !== undefined) this.#inBackground(this.#unlink(old));
        this.#inBackground(this.#syncFolder());
        if (this.#hasTooMany()) this.#inBackground(this.#evictOldest());
        return asStoredEntry(row);
      },
      discard: async (roomBytes) => {
        this.#reservedBytes -= roomBytes;
        await this.#remove(path);
      },
      asError: (error) => this.#asError(error),
    };
  }

  async #asError(error: unknown): Promise<unknown> {
    return diskError(error, 'a cache entry', await freeBytesOf(this.#options.path));
  }

  /** Gives room to an entry that is being written, one writer at a time, or two would evict for the same bytes. */
  async #reserve(bytes: number, heldBytes: number): Promise<void> {
    const before = this.#makingRoom;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#makingRoom = promise;
    try {
      await before;
      await this.#makeRoom(bytes, heldBytes);
      this.#reservedBytes += bytes;
    } finally {
      resolve();
    }
  }

  async #makeRoom(bytes: number, heldBytes = this.#reservedBytes): Promise<void> {
    const { bytesMax, freeBytesMin, path } = this.#options;
    const isCrowded = this.#reservedBytes > heldBytes && this.#reservedBytes + bytes > bytesMax * unfinishedShareMax;
    if (isCrowded) throw diskFull('a cache entry: unfinished ones have half the room', { limit: BigInt(bytesMax) });
    while (this.#index.fileBytes + this.#reservedBytes + bytes > bytesMax) {
      if (await this.#evictOldest()) continue;
      throw diskFull(`a cache entry: the cache is bounded to ${formatBytes(bytesMax)}`, { limit: BigInt(bytesMax) });
    }
    while (true) {
      const freeBytes = await this.#freeBytes();
      if (freeBytes === undefined || freeBytes - bytes >= freeBytesMin) return;
      if (await this.#evictOldest()) continue;
      throw diskFull(`the cache in ${path}`, { limit: BigInt(freeBytesMin), actual: BigInt(freeBytes) });
    }
  }

  /** Undefined when the folder is gone, which is found out elsewhere. */
  async #freeBytes(): Promise<number | undefined> {
    try {
      return (await this.#measure(this.#options.path)).freeBytes;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #evictOldest(): Promise<boolean> {
    const [oldest] = this.#index.rows();
    if (oldest === undefined) return false;
    await this.#evict(oldest);
    return true;
  }

  async #evict(row: EntryRow): Promise<void> {
    if (this.#index.get(row.facts.key) === row) this.#evictions += 1;
    await this.#drop(row);
  }

  /** Forgets an entry at once, and deletes its file. */
  #drop(row: EntryRow): Promise<void> {
    return this.#index.remove(row) ? this.#unlink(row) : Promise.resolve();
  }

  #unlink({ fileName }: EntryRow): Promise<void> {
    return this.#remove(join(this.#options.path, fileName));
  }

  async #remove(path: string): Promise<void> {
    try {
      await rm(path, { force: true });
    } catch (error) {
      this.#log.warn({ path, reason: explain(error) }, 'a file of the cache could not be deleted');
    }
  }

  async #syncFolder(): Promise<void> {
    try {
      await syncFolder(this.#options.path);
    } catch (error) {
      this.#log.warn({ reason: explain(error) }, 'the cache folder could not be synced');
    }
  }

  /** Work whose end only `close` waits for; it reports its failures itself. */
  #inBackground(work: Promise<unknown>): void {
    this.#background.add(work);
    const ended = () => this.#background.delete(work);
    work.then(ended, ended);
  }
}

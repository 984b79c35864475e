import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../base/clock.ts';
import { explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { GiB, MiB } from '../../base/units.ts';
import type { BlobChunks } from '../../store/blob-store.ts';
import { type DiskRoom, type MeasureDisk, measureDisk } from '../../store/disk-space.ts';
import { EntryFolder, type EntryReader, type EntryWriter } from '../../store/entry-folder.ts';

/** Values of a node's cache. */
export interface CacheStoreOptions {
  /** Its own folder, on the disk of the blobs. */
  readonly path: string;
  /** The most that all entries may take; 0 for no cache at all. */
  readonly bytesMax: number;
  /** Bytes of the disk that blobs leave free; the cache leaves twice as much, and at least 128 MiB more. */
  readonly freeBytesMin: number;
}

/** What a node's cache needs. */
export interface CacheStoreModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The real disk unless given. */
  readonly measureDisk?: MeasureDisk | undefined;
}

/** An entry as it is given. */
export interface NewCacheEntry {
  /** 64 hexadecimal digits. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly crc32: number;
  /** How long it may be served, in milliseconds. */
  readonly ttlMs: number;
  /** Whose it is, at most 128 bytes. */
  readonly tag: string;
}

/**
 * Free bytes that the cache keeps clear of, as a multiple of those that blobs leave: it gives way before they are
 * refused. The folder sees to it every ten seconds and at its own writes, and the store of the blobs at theirs.
 */
const clearance = 2;

/** More than blobs leave, at the least: the store looks at the disk once for every 64 MiB that it takes. */
const clearBytesMin = 128 * MiB;

/** An entry that nobody reads for so long is gone, whatever its time to live. */
const ageMaxMs = 7 * 86_400_000;

/** One entry may take a quarter of the cache, and no more than the largest response that a frontend keeps. */
const entryShare = 1 / 4;
const entryBytesMax = 4 * GiB;

/** Entries that are taken at once; further ones are not kept. A frontend sends two at once. */
const putsMax = 16;

/**
 * The shared cache's entries on one object node: not replicated, and evicted before a blob is refused for want of room.
 */
export class CacheStore {
  readonly #options: CacheStoreOptions;
  readonly #clock: Clock;
  readonly #measure: MeasureDisk;
  /** None when the cache is off. */
  readonly #folder: EntryFolder | undefined;
  readonly #beingPut = new Set<string>();

  private constructor(options: CacheStoreOptions, folder: EntryFolder | undefined, modules: CacheStoreModules) {
    this.#options = options;
    this.#folder = folder;
    this.#clock = modules.clock;
    this.#measure = modules.measureDisk ?? measureDisk;
  }

  /** Opens the folder; removes it when the cache is off. A folder that cannot be used is no reason not to serve blobs. */
  static async open(options: CacheStoreOptions, modules: CacheStoreModules): Promise<CacheStore> {
    try {
      return new CacheStore(options, await openFolder(options, modules), modules);
    } catch (error) {
      const { path } = options;
      modules.log.error(
        { path, error: explain(error) },
        'the folder of the shared cache cannot be used: there is none',
      );
      return new CacheStore(options, undefined, modules);
    }
  }

  /** Begins to read an entry; its reader must be released. */
  get(key: string): EntryReader | undefined {
    return this.#folder?.acquire(key);
  }

  /**
   * Stores an entry; false, before any of its content is asked for, when it is not kept: the cache is off, has no room
   * for it, or is being given it by somebody else. True, as early, when it is there already. CHECKSUM_MISMATCH and
   * INVALID_ARGUMENT for other content than was announced.
   */
  async put(entry: NewCacheEntry, chunks: BlobChunks<Buffer>): Promise<boolean> {
    const { key, sizeBytes, ttlMs } = entry;
    const folder = this.#folder;
    if (folder === undefined || sizeBytes > largestEntry(this.#options.bytesMax)) return false;
    if (this.#isFresh(key, ttlMs)) return true;
    if (this.#beingPut.has(key) || this.#beingPut.size >= putsMax) return false;
    this.#beingPut.add(key);
    try {
      if (!(await this.#mayHaveRoomFor(folder, sizeBytes))) return false;
      await this.#write(folder, entry, chunks);
      return true;
    } catch (error) {
      if (hasCode(error, 'DISK_FULL') || hasCode(error, 'TOO_LARGE')) return false;
      throw error;
    } finally {
      this.#beingPut.delete(key);
    }
  }

  /**
   * Measures the disk for who stores blobs there: the cache gives way, and what it could still give counts as free.
   */
  readonly measureDisk: MeasureDisk = async (path) => {
    const folder = this.#folder;
    const room = await this.#measure(path);
    if (folder === undefined || folder.stats.entries === 0) return room;
    if (room.freeBytes >= keptFree(this.#options)) return withFree(room, folder.stats.bytes);
    await folder.sweep();
    return withFree(await this.#measure(path), folder.stats.bytes);
  };

  /** Entries and their bytes. */
  get stats(): { readonly entries: number; readonly bytes: number } {
    return this.#folder?.stats ?? { entries: 0, bytes: 0 };
  }

  /** Closes the folder; all calls have ended. */
  async close(): Promise<void> {
    await this.#folder?.close();
  }

  /** Whether there is an entry that has at least half of this time to live. */
  #isFresh(key: string, ttlMs: number): boolean {
    const known = this.#folder?.peek(key);
    if (known === undefined) return false;
    return known.expiresAtMs === undefined || known.expiresAtMs - this.#clock.nowMs() >= ttlMs / 2;
  }

  async #write(folder: EntryFolder, entry: NewCacheEntry, chunks: BlobChunks<Buffer>): Promise<void> {
    const writer = await folder.begin(entry.key, { tag: entry.tag });
    try {
      await appendAll(writer, entry, chunks);
      await writer.commit({ expiresAtMs: this.#clock.nowMs() + entry.ttlMs });
    } catch (error) {
      await writer.abort();
      throw error;
    } finally {
      writer.release();
    }
  }

  /** Whether there is room for so many bytes once everything else was evicted; what has to be is while they come. */
  async #mayHaveRoomFor(folder: EntryFolder, bytes: number): Promise<boolean> {
    // The folder itself may have been deleted, and is made again then.
    const { freeBytes } = await this.#measure(dirname(this.#options.path));
    return freeBytes + folder.stats.bytes - bytes >= keptFree(this.#options);
  }
}

async function openFolder(options: CacheStoreOptions, modules: CacheStoreModules): Promise<EntryFolder | undefined> {
  const { path, bytesMax } = options;
  if (bytesMax === 0) {
    await rm(path, { recursive: true, force: true });
    return undefined;
  }
  const limits = { ageMaxMs, entryBytesMax: largestEntry(bytesMax), freeBytesMin: keptFree(options) };
  return await EntryFolder.open({ path, bytesMax, ...limits }, modules);
}

function keptFree({ freeBytesMin }: CacheStoreOptions): number {
  return Math.max(clearance * freeBytesMin, freeBytesMin + clearBytesMin);
}

function withFree(room: DiskRoom, bytes: number): DiskRoom {
  return { ...room, freeBytes: room.freeBytes + bytes };
}

function largestEntry(bytesMax: number): number {
  return Math.min(entryBytesMax, Math.floor(bytesMax * entryShare));
}

async function appendAll(writer: EntryWriter, entry: NewCacheEntry, chunks: BlobChunks<Buffer>): Promise<void> {
  let crc = 0;
  /** Chunks that the writer may still have in memory, by where they begin; the writer lets go of them in their order. */
  const held: { readonly at: number; readonly chunk: Buffer }[] = [];
  for await (const chunk of chunks) {
    crc = crc32(chunk, crc);
    const at = writer.bytes;
    if (at + chunk.length > entry.sizeBytes) throw wrongSize(entry, `more than ${entry.sizeBytes}`);
    await writer.append(chunk);
    if (chunk.length > 0) held.push({ at, chunk });
    for (let [first] = held; first !== undefined && writer.recent(first.at) === undefined; [first] = held) {
      held.shift();
      chunks.release?.(first.chunk);
    }
  }
  if (writer.bytes < entry.sizeBytes) throw wrongSize(entry, `only ${writer.bytes}`);
  if (crc === entry.crc32) return;
  const [expected, got] = [entry.crc32, crc].map((each) => each.toString(16).padStart(8, '0')) as [string, string];
  const message = `the content of cache entry ${entry.key} has the CRC-32 ${got}, announced was ${expected}`;
  throw new StratumError('CHECKSUM_MISMATCH', message, { oid: entry.key, expected, got });
}

function wrongSize({ key, sizeBytes }: NewCacheEntry, came: string): StratumError<'INVALID_ARGUMENT'> {
  const details = { field: 'size', reason: `${came} bytes came`, expected: `${sizeBytes} bytes` };
  return new StratumError('INVALID_ARGUMENT', `cache entry ${key}: ${came} bytes came of ${sizeBytes}`, details);
}

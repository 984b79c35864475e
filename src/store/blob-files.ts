import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import { isOid, type Oid } from '../base/oid.ts';
import { type Random, randomHex } from '../base/random.ts';
import type { BlobChunks } from './blob-store.ts';
import { diskError } from './disk-error.ts';
import type { Durability } from './durability.ts';
import { syncFolder } from './durable-file.ts';
import type { StoreObserver } from './store-observer.ts';
import { writeChunks } from './write-chunks.ts';

/** Values of the files of a blob store. */
export interface BlobFilesOptions {
  /** The store's folder. */
  readonly path: string;
  /** With `quorum` neither files nor their names are put on disk before they count; `disk` unless given. */
  readonly durability?: Durability | undefined;
  /** With `quorum`: files that may wait for the next flush; 1,024 unless given. Who publishes one beyond that waits for its disk. */
  readonly unsyncedFilesMax?: number;
}

/** What the files of a blob store need. */
export interface BlobFilesModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: StoreObserver;
}

/** A flush of so many takes a few seconds of a busy disk. */
const unsyncedFilesDefault = 1_024;

/** Random bytes in the name of a temporary file. */
const temporaryNameBytes = 8;

/** Where blob files live below the store's folder. */
const folders = { blobs: 'blobs', temporary: 'tmp', quarantine: 'quarantine' } as const;

/** Hex digits of an id that its folder is named by: two for the outer one, two for the inner. */
export const folderPrefixLength = 4;

/**
 * Blobs as files: `blobs/ab/cd/<oid>`, written as `tmp/<oid>.<random>`, damaged ones moved to
 * `quarantine/<oid>`. All three folders are on one file system, so that a rename is atomic.
 */
export class BlobFiles {
  readonly #path: string;
  readonly #isSynced: boolean;
  readonly #unsyncedFilesMax: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #observer: StoreObserver;
  /** Folders of `blobs/` whose own entries are known to be on disk. */
  readonly #durableFolders = new Map<string, Promise<void>>();
  /** With durability `quorum`: blobs whose files were published since the last flush. */
  readonly #unsynced = new Set<Oid>();

  constructor(options: BlobFilesOptions, modules: BlobFilesModules) {
    const { path, durability = 'disk', unsyncedFilesMax = unsyncedFilesDefault } = options;
    this.#path = path;
    this.#unsyncedFilesMax = unsyncedFilesMax;
    this.#isSynced = durability === 'disk';
    this.#clock = modules.clock;
    this.#random = modules.random;
    this.#observer = modules.observer;
  }

  /** Makes the folders, and deletes what an earlier process left half written. */
  async prepare(): Promise<void> {
    const temporary = join(this.#path, folders.temporary);
    await rm(temporary, { recursive: true, force: true });
    for (const folder of Object.values(folders)) await mkdir(join(this.#path, folder), { recursive: true });
    await syncFolder(this.#path);
  }

  /** Writes chunks to a temporary file and puts it on disk; deletes it when that fails. See writeChunks for how long a chunk is used. */
  async writeTemporary(oid: Oid, chunks: BlobChunks<Uint8Array>): Promise<string> {
    const path = join(this.#path, folders.temporary, `${oid}.${randomHex(this.#random, temporaryNameBytes)}`);
    const file = await open(path, 'wx');
    try {
      await writeChunks(file, chunks, { isSynced: this.#isSynced });
      await this.#sync(file);
    } catch (error) {
      await file.close();
      await this.discard(path);
      throw diskError(error, `blob ${oid}`);
    }
    await file.close();
    return path;
  }

  async #sync(file: FileHandle): Promise<void> {
    if (!this.#isSynced) return;
    const writtenAtMs = this.#clock.monotonicMs();
    await file.datasync();
    this.#observer.synced(this.#clock.monotonicMs() - writtenAtMs);
  }

  /** Deletes a temporary file. */
  async discard(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** Makes a temporary file the blob, replacing one of the same name; resolves when that is on disk, if it is to be. */
  async publish(oid: Oid, temporary: string): Promise<void> {
    const path = this.#blobPath(oid);
    await this.#makeFolder(dirname(path));
    await rename(temporary, path);
    if (this.#isSynced) await syncFolder(dirname(path));
    else if (this.#unsynced.size < this.#unsyncedFilesMax) this.#unsynced.add(oid);
    else await this.#putOnDisk([oid]);
  }

  /** Puts on disk all that was published; needed with durability `quorum` alone. */
  async flush(): Promise<void> {
    const oids = [...this.#unsynced];
    this.#unsynced.clear();
    try {
      await this.#putOnDisk(oids);
    } catch (error) {
      for (const oid of oids) this.#unsynced.add(oid); // For the next flush.
      throw error;
    }
  }

  /** Puts every blob file on disk, after a process that did not and cannot say which. */
  async syncAll(): Promise<void> {
    for await (const oids of this.list()) await this.#putOnDisk(oids);
  }

  async #putOnDisk(oids: readonly Oid[]): Promise<void> {
    const touched = new Set<string>();
    for (const oid of oids) {
      touched.add(dirname(this.#blobPath(oid)));
      const file = await this.open(oid);
      if (file === undefined) continue; // Deleted meanwhile, or in quarantine.
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    }
    for (const folder of touched) await syncFolder(folder);
  }

  /** Opens a blob for reading; undefined when there is no file. */
  async open(oid: Oid): Promise<FileHandle | undefined> {
    try {
      return await open(this.#blobPath(oid), 'r');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Bytes of a blob's file; undefined when there is none. */
  async size(oid: Oid): Promise<number | undefined> {
    return (await statIfThere(this.#blobPath(oid)))?.size;
  }

  /** Whether an open file is still the one that bears the blob's name. */
  async isCurrent(oid: Oid, file: FileHandle): Promise<boolean> {
    const [named, held] = await Promise.all([statIfThere(this.#blobPath(oid)), file.stat()]);
    return named?.ino === held.ino && named.dev === held.dev;
  }

  /** Deletes a blob's file, also one in quarantine. Who has it open reads on. */
  async remove(oid: Oid): Promise<void> {
    await rm(this.#blobPath(oid), { force: true });
    await this.removeQuarantined(oid);
  }

  /** Moves a damaged file aside, replacing an earlier one of the same blob; nothing when there is none. */
  async quarantine(oid: Oid): Promise<void> {
    const path = this.#blobPath(oid);
    try {
      await rename(path, join(this.#path, folders.quarantine, oid));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    await syncFolder(join(this.#path, folders.quarantine));
    await syncFolder(dirname(path));
  }

  /** Deletes a blob's copy in quarantine, if there is one. */
  async removeQuarantined(oid: Oid): Promise<void> {
    await rm(join(this.#path, folders.quarantine, oid), { force: true });
  }

  /** Ids of all files in quarantine. */
  async listQuarantined(): Promise<Oid[]> {
    return (await namesIn(join(this.#path, folders.quarantine))).filter(isOid);
  }

  /** Ids of all blob files, a folder at a time, so that memory does not grow with their number. */
  async *list(): AsyncGenerator<readonly Oid[], void, undefined> {
    const top = join(this.#path, folders.blobs);
    for (const first of await namesIn(top)) {
      for (const second of await namesIn(join(top, first))) {
        yield (await namesIn(join(top, first, second))).filter(isOid);
      }
    }
  }

  /** Ids of the files in the folder that a blob belongs in. */
  async listFolder(oid: Oid): Promise<readonly Oid[]> {
    return (await namesIn(dirname(this.#blobPath(oid)))).filter(isOid);
  }

  #blobPath(oid: Oid): string {
    return join(this.#path, folders.blobs, oid.slice(0, 2), oid.slice(2, folderPrefixLength), oid);
  }

  /**
   * Makes a folder whose whole path is on disk. Done once for each folder and process even where it
   * exists: its maker may have died before the sync, and callers at the same time wait for one.
   */
  async #makeFolder(path: string): Promise<void> {
    const known = this.#durableFolders.get(path);
    if (known !== undefined) return known;
    const made = (async () => {
      await mkdir(path, { recursive: true });
      await syncFolder(dirname(path));
      await syncFolder(dirname(dirname(path)));
    })();
    this.#durableFolders.set(path, made);
    try {
      await made;
    } catch (error) {
      this.#durableFolders.delete(path);
      throw error;
    }
  }
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Sorted, so that what is done in their order is the same on every file system. */
async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

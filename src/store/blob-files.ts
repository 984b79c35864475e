import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import { isOid, type Oid } from '../base/oid.ts';
import { type Random, randomHex } from '../base/random.ts';
import { diskError } from './disk-error.ts';
import type { Durability } from './durability.ts';
import { syncFolder } from './durable-file.ts';
import type { StoreObserver } from './store-observer.ts';

/** Values of the files of a blob store. */
export interface BlobFilesOptions {
  /** The store's folder. */
  readonly path: string;
  /** With `quorum` neither files nor their names are put on disk before they count; `disk` unless given. */
  readonly durability?: Durability | undefined;
}

/** What the files of a blob store need. */
export interface BlobFilesModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: StoreObserver;
}

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
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #observer: StoreObserver;
  /** Folders of `blobs/` whose own entries are known to be on disk. */
  readonly #durableFolders = new Map<string, Promise<void>>();

  constructor({ path, durability = 'disk' }: BlobFilesOptions, modules: BlobFilesModules) {
    this.#path = path;
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

  /** Writes chunks to a temporary file and puts it on disk; deletes it when that fails. */
  async writeTemporary(oid: Oid, chunks: AsyncIterable<Uint8Array>): Promise<string> {
    const path = join(this.#path, folders.temporary, `${oid}.${randomHex(this.#random, temporaryNameBytes)}`);
    const file = await open(path, 'wx');
    try {
      for await (const chunk of chunks) await writeFully(file, chunk);
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

async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.length - offset);
    offset += bytesWritten;
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

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Names of half-written files begin and end like this; they may be deleted at any start. */
export const temporaryFilePrefix = '.';
export const temporaryFileSuffix = '.tmp';

let writes = 0;

/**
 * Replaces a file so that a crash leaves either the old content or the new: temporary file beside
 * it, fsync, rename, fsync of the folder. Rejects with the system's error and leaves the old file.
 */
export async function writeFileDurably(path: string, content: Uint8Array | string, mode = 0o644): Promise<void> {
  writes += 1;
  const name = `${temporaryFilePrefix}${basename(path)}.${process.pid}-${writes}${temporaryFileSuffix}`;
  const temporary = join(dirname(path), name);
  try {
    await withFile(await open(temporary, 'w', mode), async (file) => {
      await file.writeFile(content);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // The write's own error says more.
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Puts the entries of a folder (created, renamed, removed) on disk. */
export async function syncFolder(path: string): Promise<void> {
  await withFile(await open(path, 'r'), (folder) => folder.sync());
}

async function withFile(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

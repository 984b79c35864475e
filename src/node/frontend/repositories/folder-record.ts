import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../../base/errors.ts';

interface Seen {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

/**
 * How the files of a folder looked when they were last known to be right, and what they take of the
 * disk. Whoever changes, replaces or deletes a file changes its look; a look costs one `stat` and no
 * reading. Bytes that rot without a write keep it: those git or a reader has to notice.
 */
export class FolderRecord {
  readonly #folder: string;
  readonly #files = new Map<string, Seen>();
  #bytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The sizes of the recorded files together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the file, a path below the folder, is recorded. */
  has(file: string): boolean {
    return this.#files.has(file);
  }

  /** Records files as they are now, which the caller knows to be right; those that are not there are forgotten. */
  async note(files: Iterable<string>): Promise<void> {
    await Promise.all(
      [...files].map(async (file) => {
        const seen = await lookAt(join(this.#folder, file));
        this.forget([file]);
        if (seen === undefined) return;
        this.#files.set(file, seen);
        this.#bytes += seen.sizeBytes;
      }),
    );
  }

  /** Recorded files that are not as they were, or not there. */
  async touched(): Promise<string[]> {
    const looks = await Promise.all(
      [...this.#files].map(async ([file, seen]) => {
        const now = await lookAt(join(this.#folder, file));
        const same =
          now?.sizeBytes === seen.sizeBytes && now.modifiedMs === seen.modifiedMs && now.inode === seen.inode;
        return same ? [] : [file];
      }),
    );
    return looks.flat();
  }

  forget(files: Iterable<string>): void {
    for (const file of files) {
      this.#bytes -= this.#files.get(file)?.sizeBytes ?? 0;
      this.#files.delete(file);
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#files.clear();
    this.#bytes = 0;
  }
}

async function lookAt(path: string): Promise<Seen | undefined> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    return { sizeBytes: size, modifiedMs: mtimeMs, inode: ino };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

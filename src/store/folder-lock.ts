import { join } from 'node:path';
import { StratumError } from '../base/errors.ts';

/** The lock's file inside the folder. */
export const lockFileName = 'stratum.lock';

/** SQLite's result code for a lock that another connection holds. */
const sqliteBusy = 5;

/**
 * An exclusive lock of a folder. It is a lock of the operating system on a file in the folder,
 * taken through SQLite because Node has no call for one: it ends with the process, however that
 * ends, and never has to be cleaned up. Nothing else may open the lock's file.
 */
export class FolderLock {
  readonly path: string;
  readonly #release: () => void;
  #held = true;

  private constructor(path: string, release: () => void) {
    this.path = path;
    this.#release = release;
  }

  /** DATA_DIR_LOCKED when another process, or another part of this one, holds it; DATA_DIR_UNWRITABLE. */
  static async acquire(path: string): Promise<FolderLock> {
    // Loaded only here: the command line imports this file's neighbours and must start fast.
    const { DatabaseSync } = await import('node:sqlite');
    try {
      const database = new DatabaseSync(join(path, lockFileName));
      try {
        database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      } catch (error) {
        database.close();
        throw error;
      }
      return new FolderLock(path, () => database.close());
    } catch (error) {
      throw lockError(path, error);
    }
  }

  /** Frees the folder; safe to call more than once. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#release();
  }
}

function lockError(path: string, error: unknown): StratumError {
  const busy = error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
  if (busy) {
    return new StratumError('DATA_DIR_LOCKED', `another process uses the folder ${path}`, undefined, {
      hint: 'stop that process, or give this one a folder of its own with --data-dir',
      cause: error,
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new StratumError('DATA_DIR_UNWRITABLE', `cannot lock the folder ${path}: ${reason}`, undefined, {
    hint: 'make the folder writable for this user, or choose another one with --data-dir',
    cause: error,
  });
}

import { open, type RootDatabase } from 'lmdb';
import { checkDatabaseFile } from './check-database-file.ts';
import { diskError } from './disk-error.ts';

/** An LMDB environment with bytes for keys and values. */
export type LmdbEnvironment = RootDatabase<Buffer, Buffer>;

/**
 * Opens or creates an LMDB environment in a folder, with the options that durability rests on.
 * `overlappingSync: false` makes the commit itself sync, so that a resolved transaction is on disk
 * (seen in a system call trace: fdatasync of the pages, then a synchronous write of the meta page,
 * then the promise). `eventTurnBatching: false` because with it a failed commit, of a full disk for
 * example, also rejects a promise that nobody can reach, and that ends the process. DATA_CORRUPT when
 * the file is no database, or a part of one.
 */
export function openLmdb(path: string): LmdbEnvironment {
  checkDatabaseFile(path);
  return open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    cache: false,
  });
}

/**
 * Runs `work`, which must not await, in a write transaction together with others that wait at the
 * time; resolves with its result when that is on disk. An error that `work` throws before its first
 * write rejects and changes nothing; it must not throw after one. DISK_FULL when there is no room.
 */
export async function commit<T>(database: LmdbEnvironment, what: string, work: () => T): Promise<T> {
  try {
    return await database.transaction(work);
  } catch (error) {
    throw diskError(await commitCause(error), what);
  }
}

/** LMDB's own error behind a failed commit: lmdb-js rejects with a general one that holds a promise of it. */
export async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
}

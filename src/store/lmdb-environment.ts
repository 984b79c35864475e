import { open, type RootDatabase } from 'lmdb';
import { assert } from '../base/errors.ts';
import { checkDatabaseFile } from './check-database-file.ts';
import { diskError } from './disk-error.ts';
import type { Durability } from './durability.ts';
import { freeBytesOf } from './free-bytes.ts';

/** An LMDB environment with bytes for keys and values. */
export type LmdbEnvironment = RootDatabase<Buffer, Buffer>;

/** Folders of open environments: lmdb-js does not tell. */
const folders = new WeakMap<LmdbEnvironment, string>();

/**
 * Opens or creates an LMDB environment in a folder, with the options that durability rests on.
 * `overlappingSync: false` makes the commit itself sync, so that a resolved transaction is on disk
 * (seen in a system call trace: fdatasync of the pages, then a synchronous write of the meta page,
 * then the promise). With durability `quorum` (`noSync`) nothing is put on disk but by {@link flush}:
 * a crash of the machine may then leave anything, and the caller has to know of it
 * (unsynced-marker.ts). `eventTurnBatching: false` because with it a failed commit, of a
 * full disk for example, also rejects a promise that nobody can reach, and that ends the process.
 * DATA_CORRUPT when the file is no database, or a part of one.
 */
export function openLmdb(path: string, durability: Durability = 'disk'): LmdbEnvironment {
  checkDatabaseFile(path);
  const database = open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    noSync: durability === 'quorum',
    eventTurnBatching: false,
    cache: false,
  });
  folders.set(database, path);
  return database;
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
    const path = folders.get(database);
    throw diskError(await commitCause(error), what, path === undefined ? undefined : await freeBytesOf(path));
  }
}

/** Puts on disk all that was committed; needed with durability `quorum` alone. */
export function flush(database: LmdbEnvironment): Promise<void> {
  assert(canSync(database), 'lmdb-js has the method that its types leave out');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  database.sync((error) => (error instanceof Error ? reject(error) : resolve()));
  return promise;
}

function canSync(database: object): database is { sync(callback: (error?: unknown) => void): void } {
  return 'sync' in database && typeof database.sync === 'function';
}

/** LMDB's own error behind a failed commit: lmdb-js rejects with a general one that holds a promise of it. */
export async function commitCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
}

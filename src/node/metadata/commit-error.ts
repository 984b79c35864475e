import { StratumError } from '../../base/errors.ts';
import { type FreeBytes, isDiskFull } from '../../store/disk-error.ts';
import { freeBytesOf } from '../../store/free-bytes.ts';
import { commitCause } from '../../store/lmdb-environment.ts';

/**
 * What a failed commit of LMDB means. lmdb-js rejects with a general error and gives LMDB's own in a
 * promise beside it; whether the disk is full, the store's one judgement tells. Nothing of the
 * commit is visible; of a disk that failed otherwise, only the next start tells what it kept.
 */
export async function commitError(
  error: unknown,
  path: string,
  freeBytes: (path: string) => Promise<FreeBytes> = freeBytesOf,
): Promise<StratumError> {
  if (error instanceof StratumError) return error;
  const cause = await commitCause(error);
  if (isDiskFull(cause, await freeBytes(path))) {
    const what = `disk of ${path}`;
    return new StratumError(
      'DISK_FULL',
      `the disk of the metadata store ${path} is full`,
      { what, limit: 0n },
      {
        hint: 'free some space on the disk of the data folder; reads go on meanwhile',
        cause,
      },
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StratumError('INTERNAL', `the metadata store ${path} cannot be written: ${reason}`, undefined, { cause });
}

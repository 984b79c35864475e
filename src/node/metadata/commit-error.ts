import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { commitCause } from '../../store/lmdb-environment.ts';

const { EIO, ENOSPC, EDQUOT } = constants.errno;

/** With less room than the largest operation takes, a write that was cut short is a full disk. */
const freeBytesSuspect = 256 * MiB;

/**
 * What a failed commit of LMDB means. lmdb-js rejects with a general error and gives LMDB's own in a
 * promise beside it. LMDB reports a disk that fills up in the middle of a write as EIO ("short
 * write"), so the room that is left decides. Nothing of the commit is visible; of a disk that failed
 * otherwise, only the next start tells what it kept.
 */
export async function commitError(
  error: unknown,
  path: string,
  freeBytes: (path: string) => Promise<number> = freeBytesOf,
): Promise<StratumError> {
  if (error instanceof StratumError) return error;
  const cause = await commitCause(error);
  const number = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const isFull = number === ENOSPC || number === EDQUOT || (number === EIO && (await isNearlyFull(path, freeBytes)));
  if (isFull) {
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

async function isNearlyFull(path: string, freeBytes: (path: string) => Promise<number>): Promise<boolean> {
  try {
    return (await freeBytes(path)) < freeBytesSuspect;
  } catch {
    return false; // Not to know the room leaves the failure what it is: one of input and output.
  }
}

async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

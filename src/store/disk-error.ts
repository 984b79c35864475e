import { constants } from 'node:os';
import { StratumError, systemCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';

const { EIO, ENOSPC, EDQUOT } = constants.errno;

/**
 * A disk that fills up in the middle of a write is no ENOSPC for LMDB: the write is cut short, and
 * it reports EIO (seen on a file system of 8 MiB). With less free than the largest write of any
 * store takes, EIO is therefore a full disk.
 */
const freeBytesSuspect = 256 * MiB;

/** Bytes that are free on the disk in question; undefined when nobody could tell. */
export type FreeBytes = number | undefined;

/**
 * The one judgement of a full disk: whether a failed write failed for want of room. Knows the names
 * of Node and the numbers that LMDB reports instead; without `freeBytes`, EIO stays a failing disk.
 */
export function isDiskFull(error: unknown, freeBytes?: FreeBytes): boolean {
  const name = systemCode(error);
  const number = error instanceof Error && 'code' in error ? error.code : undefined;
  if (name === 'ENOSPC' || name === 'EDQUOT' || number === ENOSPC || number === EDQUOT) return true;
  return (name === 'EIO' || number === EIO) && freeBytes !== undefined && freeBytes < freeBytesSuspect;
}

/** A failure to write as DISK_FULL where it is one; anything else unchanged. */
export function diskError(error: unknown, what: string, freeBytes?: FreeBytes): unknown {
  if (error instanceof StratumError || !isDiskFull(error, freeBytes)) return error;
  return diskFull(what, { limit: 0n, ...(freeBytes === undefined ? {} : { actual: BigInt(freeBytes) }) }, error);
}

/** The error of a write that there is no room for; sizes in bytes. */
export function diskFull(
  what: string,
  sizes: { readonly limit: bigint; readonly actual?: bigint },
  cause?: unknown,
): StratumError<'DISK_FULL'> {
  return new StratumError(
    'DISK_FULL',
    `no room on the disk for ${what}`,
    { what: 'free disk', ...sizes },
    { hint: 'free some space on the disk of the data folder, or add object nodes', cause },
  );
}

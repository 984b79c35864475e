import { StratumError, systemCode } from '../base/errors.ts';

/** Error numbers of ENOSPC and EDQUOT, which LMDB reports instead of names. */
const noSpaceErrorNumbers: readonly unknown[] = [28, 122];

/** A failure to write as DISK_FULL where it is one; anything else unchanged. */
export function diskError(error: unknown, what: string): unknown {
  return error instanceof StratumError || !isDiskFull(error) ? error : diskFull(what, { limit: 0n }, error);
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

function isDiskFull(error: unknown): boolean {
  const name = systemCode(error);
  if (name === 'ENOSPC' || name === 'EDQUOT') return true;
  return error instanceof Error && 'code' in error && noSpaceErrorNumbers.includes(error.code);
}

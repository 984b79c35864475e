import { statfs } from 'node:fs/promises';
import type { FreeBytes } from './disk-error.ts';

/** What an unprivileged process may still write on the disk of `path`, in bytes; asked after a failed write. */
export async function freeBytesOf(path: string): Promise<FreeBytes> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined; // Not to know the room leaves the failure what it is.
  }
}

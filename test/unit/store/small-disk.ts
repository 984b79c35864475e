import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { temporaryFolder } from './sample-blobs.ts';

const run = promisify(execFile);

/** A file system of its own of a few MiB; undefined where this process may not mount one. */
export async function smallDisk(
  sizeBytes: number,
): Promise<{ readonly path: string; remove: () => Promise<void> } | undefined> {
  const folder = await temporaryFolder();
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder.path]);
  } catch {
    await folder.remove();
    return undefined;
  }
  return {
    path: folder.path,
    remove: async () => {
      await run('umount', ['-l', folder.path]);
      await folder.remove();
    },
  };
}

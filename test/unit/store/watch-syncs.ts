import { readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { vi } from 'vitest';

/** Whose content was put on disk. */
export interface SyncedPaths {
  /** Paths of the files, in order, each as often as it was synced. */
  readonly paths: string[];
  /** Makes every sync from now on fail; undefined lets them pass. */
  fail(error: Error | undefined): void;
  end(): void;
}

/** Watches every `datasync` of this process; `folder` is any that exists. */
export async function watchSyncs(folder: string): Promise<SyncedPaths> {
  const handle = await open(folder, 'r');
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const original = prototype.datasync;
  const paths: string[] = [];
  let failure: Error | undefined;
  const spy = vi.spyOn(prototype, 'datasync').mockImplementation(async function (this: FileHandle) {
    if (failure !== undefined) throw failure;
    paths.push(readlinkSync(`/proc/self/fd/${this.fd}`));
    await original.call(this);
  });
  return {
    paths,
    fail: (error) => {
      failure = error;
    },
    end: () => spy.mockRestore(),
  };
}

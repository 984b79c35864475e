import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderLock } from '../../../src/store/folder-lock.ts';
import { temporaryFolder } from './sample-blobs.ts';

describe('FolderLock', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('is held by one at a time, and the refusal names the folder', async () => {
    const lock = await FolderLock.acquire(folder.path);
    await expect(FolderLock.acquire(folder.path)).rejects.toMatchObject({
      code: 'DATA_DIR_LOCKED',
      message: expect.stringContaining(folder.path),
      hint: expect.stringContaining('--data-dir'),
    });
    lock.release();
    lock.release();
    (await FolderLock.acquire(folder.path)).release();
  });

  it('does not stand in the way of another folder', async () => {
    const other = await temporaryFolder();
    const locks = [await FolderLock.acquire(folder.path), await FolderLock.acquire(other.path)];
    for (const lock of locks) lock.release();
    await other.remove();
  });

  it('is refused while another process holds it, and ends with that process by SIGKILL', async () => {
    const script = fileURLToPath(new URL('./hold-folder.ts', import.meta.url));
    const holder = spawn(process.execPath, [script, folder.path], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      await expect(FolderLock.acquire(folder.path)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    (await FolderLock.acquire(folder.path)).release();
  });

  it('says so when the folder cannot be written', async () => {
    await expect(FolderLock.acquire(join(folder.path, 'none'))).rejects.toMatchObject({
      code: 'DATA_DIR_UNWRITABLE',
      message: expect.stringContaining(folder.path),
    });
  });
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assertStoreKept, noteStore } from '../../../src/store/kept-store.ts';

async function folderOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-kept-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function makeStore(folder: string): Promise<void> {
  await mkdir(join(folder, 'metadata'));
  await writeFile(join(folder, 'metadata', 'data.mdb'), 'content');
  await noteStore(folder, 'metadata');
}

describe('a data folder and its stores', () => {
  it('may be new, and may come back as it was', async () => {
    const folder = await folderOf();
    expect(() => assertStoreKept(folder, 'metadata')).not.toThrow();
    await makeStore(folder);
    await noteStore(folder, 'metadata');
    expect(() => assertStoreKept(folder, 'metadata')).not.toThrow();
  });

  it('is refused when a store that it had is gone, and not for another one', async () => {
    const folder = await folderOf();
    await makeStore(folder);
    await rm(join(folder, 'metadata'), { recursive: true });
    expect(() => assertStoreKept(folder, 'metadata')).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    expect(() => assertStoreKept(folder, 'object')).not.toThrow();
  });
});

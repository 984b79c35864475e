import { open as openFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JournaledMetadataStore } from '../../../src/node/metadata/journaled-metadata-store.ts';
import { checkDatabaseFile } from '../../../src/store/check-database-file.ts';
import { temporaryFolder } from '../node/metadata/sample-metadata.ts';

const pageBytes = 4_096;

/** A closed database with some hundred pages. */
async function database() {
  const folder = await temporaryFolder();
  const store = await JournaledMetadataStore.open(folder);
  const writes = Array.from({ length: 2_000 }, (_, at) => ({ key: Buffer.from(`k${at}`), value: Buffer.alloc(100) }));
  await store.commit((to) => to.writeState(0, writes));
  await store.close();
  return { folder, file: join(folder, 'data.mdb') };
}

async function overwrite(file: string, position: number): Promise<void> {
  const handle = await openFile(file, 'r+');
  await handle.write(Buffer.alloc(pageBytes, 7), 0, pageBytes, position);
  await handle.close();
}

describe('checkDatabaseFile', () => {
  it('lets a database be opened, and opened again', async () => {
    const { folder } = await database();
    checkDatabaseFile(folder);
    const store = await JournaledMetadataStore.open(folder);
    await store.commit((to) => to.writeState(0, [{ key: Buffer.from('k'), value: Buffer.alloc(1) }]));
    await store.close();
    checkDatabaseFile(folder);
  });

  it('takes a missing or an empty file for a new database', async () => {
    const folder = await temporaryFolder();
    checkDatabaseFile(folder);
    await writeFile(join(folder, 'data.mdb'), '');
    checkDatabaseFile(folder);
  });

  it.each([
    ['a tail that was cut off', (file: string) => truncate(file, 20 * pageBytes), /should have/],
    ['only one page', (file: string) => truncate(file, pageBytes), /second page/],
    ['only some bytes', (file: string) => truncate(file, 100), /first page/],
    ['another file in its place', (file: string) => writeFile(file, 'x'.repeat(20_000)), /first page/],
    ['a first page that was overwritten', (file: string) => overwrite(file, 0), /first page/],
    ['a second page that was overwritten', (file: string) => overwrite(file, pageBytes), /second page/],
  ])('finds %s, and the store says so instead of ending the process', async (_, damage, words) => {
    const { folder, file } = await database();
    await damage(file);
    await expect(JournaledMetadataStore.open(folder)).rejects.toEqual(
      expect.objectContaining({ code: 'DATA_CORRUPT', message: expect.stringMatching(words) }),
    );
  });
});

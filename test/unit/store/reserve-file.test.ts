import { access, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/base/random.ts';
import { MiB } from '../../../src/base/units.ts';
import { DataFolder } from '../../../src/store/data-folder.ts';
import { ReserveFile } from '../../../src/store/reserve-file.ts';
import { manualClock } from '../base/manual-clock.ts';
import { contentOf, openStore, putContent, temporaryFolder } from './sample-blobs.ts';
import { smallDisk } from './small-disk.ts';

describe('ReserveFile', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  const start = (freeBytes: number | undefined) =>
    new ReserveFile({ folder: folder.path }, { measureFree: async () => freeBytes }).prepareStart();
  const size = () =>
    stat(join(folder.path, 'reserve')).then(
      (found) => found.size,
      () => undefined,
    );

  it('holds its room while there is some, gives it where there is little, and takes it again', async () => {
    await start(100 * MiB);
    expect(await size()).toBe(MiB);
    await start(MiB);
    expect(await size()).toBeUndefined();
    await start(MiB);
    expect(await size()).toBeUndefined();
    await start(3 * MiB);
    expect(await size()).toBe(MiB);
  });

  it('is made whole after a crash has cut it', async () => {
    await writeFile(join(folder.path, 'reserve'), 'half');
    await start(100 * MiB);
    expect(await size()).toBe(MiB);
  });

  it('stays as it is where nobody can tell the room', async () => {
    await start(undefined);
    expect(await size()).toBeUndefined();
  });
});

describe('a data folder on a disk of 8 MiB', () => {
  let disk: Awaited<ReturnType<typeof smallDisk>>;
  beforeEach(async (context) => {
    disk = await smallDisk(8 * MiB);
    if (disk === undefined) context.skip('only root may mount a file system');
  });
  afterEach(async () => {
    await disk?.remove();
    disk = undefined;
  });

  it('is started again, and its blobs are read, after others have filled the disk to the last byte', async () => {
    const path = join(disk?.path ?? '', 'data');
    const open = () => DataFolder.open({ path, nodeId: 'object-1' }, { clock: manualClock(), random: systemRandom });
    const first = await open();
    const { store } = await openStore(join(path, 'object'));
    const { oid } = await putContent(store, contentOf(1_000));
    await store.close();
    await first.close();
    await writeFile(join(disk?.path ?? '', 'ballast'), Buffer.alloc(16 * MiB)).catch(() => undefined);
    const second = await open();
    await second.nextGeneration();
    const { store: again } = await openStore(join(path, 'object'));
    expect(await again.verify(oid)).toBe('PRESENT');
    await again.close();
    await second.close();
    await expect(access(join(path, 'reserve'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

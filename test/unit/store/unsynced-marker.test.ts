import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBootId, UnsyncedMarker } from '../../../src/store/unsynced-marker.ts';
import { temporaryFolder } from './sample-blobs.ts';

describe('UnsyncedMarker', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());
  const markerIn = (bootId: string | undefined) =>
    new UnsyncedMarker({ folder: folder.path }, { readBootId: async () => bootId });

  it('knows of nothing in a new folder, and after a clean end', async () => {
    const marker = markerIn('boot-1');
    expect(await marker.check()).toBe(false);
    await marker.write();
    await marker.remove();
    await marker.remove();
    expect(await markerIn('boot-2').check()).toBe(false);
  });

  it('knows of a process that was killed, and lets the next one of the same boot go on', async () => {
    await markerIn('boot-1').write();
    expect(await markerIn('boot-1').check()).toBe(true);
  });

  it.each([
    ['another boot', 'boot-1', 'boot-2'],
    ['a boot that has no name any more', 'boot-1', undefined],
    ['boots without a name', undefined, undefined],
  ])('refuses what may be anything: %s', async (_, before, after) => {
    await markerIn(before).write();
    await expect(markerIn(after).check()).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      hint: expect.stringContaining('other replicas'),
    });
  });

  it('takes the name of the boot from the kernel', async () => {
    expect(await readBootId()).toBe(await readBootId());
  });
});

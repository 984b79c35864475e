import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaveCleanStop, takeCleanStop } from '../../../src/store/clean-stop.ts';
import { temporaryFolder } from './sample-blobs.ts';

describe('the proof of a clean stop', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const process = { diskId: 'd', generationId: 5n };

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('is found once, and is not on the disk afterwards', async () => {
    await leaveCleanStop(folder.path, process);
    expect(await takeCleanStop(folder.path, process)).toBe(true);
    expect(await takeCleanStop(folder.path, process)).toBe(false);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each([
    ['another disk', { diskId: 'e', generationId: 5n }],
    ['a later process', { diskId: 'd', generationId: 6n }],
  ])('of this process says nothing of %s, and is taken away all the same', async (_, last) => {
    await leaveCleanStop(folder.path, process);
    expect(await takeCleanStop(folder.path, last)).toBe(false);
    expect(await readdir(folder.path)).toEqual([]);
  });
});

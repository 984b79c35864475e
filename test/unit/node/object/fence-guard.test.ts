import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FenceGuard } from '../../../../src/node/object/fence-guard.ts';
import { temporaryFolder } from '../../store/sample-blobs.ts';

describe('FenceGuard', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'fence.json');
  });
  afterEach(() => folder.remove());

  it('lets the first write pass, and those that are not behind it', async () => {
    const guard = await FenceGuard.open(path);
    expect(guard.highest).toEqual({ term: 0n, ringEpoch: 0n });
    for (const fence of [
      { term: 3n, ringEpoch: 2n },
      { term: 3n, ringEpoch: 2n },
      { term: 4n, ringEpoch: 2n },
      { term: 4n, ringEpoch: 5n },
    ]) {
      await guard.admit(fence);
      expect(guard.highest).toEqual(fence);
    }
  });

  it.each([
    { sent: { term: 2n, ringEpoch: 9n }, code: 'STALE_TERM', details: { fence: 'term', sent: 2n, current: 3n } },
    { sent: { term: 9n, ringEpoch: 1n }, code: 'STALE_EPOCH', details: { fence: 'ring_epoch', sent: 1n, current: 2n } },
  ])('refuses a write that is behind with $code (C3), which raises nothing', async ({ sent, code, details }) => {
    const guard = await FenceGuard.open(path);
    await guard.admit({ term: 3n, ringEpoch: 2n });
    await expect(guard.admit(sent)).rejects.toMatchObject({ code, details });
    expect(guard.highest).toEqual({ term: 3n, ringEpoch: 2n });
  });

  it('still refuses after a restart what it refused before', async () => {
    await (await FenceGuard.open(path)).admit({ term: 2n ** 63n, ringEpoch: 7n });
    const guard = await FenceGuard.open(path);
    expect(guard.highest).toEqual({ term: 2n ** 63n, ringEpoch: 7n });
    await expect(guard.admit({ term: 5n, ringEpoch: 7n })).rejects.toMatchObject({ code: 'STALE_TERM' });
  });

  it('is settled when what was raised is on disk, or could not be put there', async () => {
    const guard = await FenceGuard.open(path);
    const first = guard.raise({ term: 1n, ringEpoch: 1n });
    const second = guard.raise({ term: 2n, ringEpoch: 1n });
    await guard.settled();
    expect((await FenceGuard.open(path)).highest).toEqual({ term: 2n, ringEpoch: 1n });
    await Promise.all([first, second]);
    const lost = await FenceGuard.open(join(folder.path, 'absent', 'fence.json'));
    const failing = expect(lost.raise({ term: 1n, ringEpoch: 1n })).rejects.toThrow();
    await lost.settled();
    await failing;
  });

  it('has on disk what a write brought before the write goes on', async () => {
    const guard = await FenceGuard.open(path);
    const fences = Array.from({ length: 20 }, (_, index) => ({ term: BigInt(index + 1), ringEpoch: 1n }));
    await Promise.all(
      fences.map(async (fence) => {
        await guard.raise(fence);
        const { term } = JSON.parse(await readFile(path, 'utf8')) as { term: string };
        expect(BigInt(term)).toBeGreaterThanOrEqual(fence.term);
      }),
    );
    expect((await FenceGuard.open(path)).highest).toEqual({ term: 20n, ringEpoch: 1n });
  });

  it('never falls when an older topology arrives', async () => {
    const guard = await FenceGuard.open(path);
    await guard.raise({ term: 5n, ringEpoch: 1n });
    await guard.raise({ term: 1n, ringEpoch: 3n });
    expect(guard.highest).toEqual({ term: 5n, ringEpoch: 3n });
    expect((await FenceGuard.open(path)).highest).toEqual({ term: 5n, ringEpoch: 3n });
  });

  it('refuses a write whose fence cannot be kept, and takes it when the disk is back', async () => {
    const guard = await FenceGuard.open(path);
    await rm(folder.path, { recursive: true });
    await expect(guard.admit({ term: 3n, ringEpoch: 2n })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(guard.admit({ term: 2n, ringEpoch: 2n })).rejects.toMatchObject({ code: 'STALE_TERM' });
    await mkdir(folder.path);
    await guard.admit({ term: 3n, ringEpoch: 2n });
    expect((await FenceGuard.open(path)).highest).toEqual({ term: 3n, ringEpoch: 2n });
  });

  it.each(['', 'nonsense', '{"format":2,"term":"1","ringEpoch":"1"}'])(
    'does not take a broken file (%j) for "nothing seen"',
    async (text) => {
      await writeFile(path, text);
      await expect(FenceGuard.open(path)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    },
  );
});

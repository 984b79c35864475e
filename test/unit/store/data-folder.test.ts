import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/base/random.ts';
import { DataFolder } from '../../../src/store/data-folder.ts';
import { manualClock } from '../base/manual-clock.ts';
import { temporaryFolder } from './sample-blobs.ts';

describe('DataFolder', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'data');
  });
  afterEach(() => folder.remove());

  const open = (nodeId = 'object-1', nowMs = 1_000) =>
    DataFolder.open({ path, nodeId }, { clock: manualClock(nowMs), random: systemRandom });
  const opened = async (nodeId?: string, nowMs?: number) => {
    const data = await open(nodeId, nowMs);
    await data.close();
    return data;
  };

  it('is made where there is none, with an identity that stays', async () => {
    const first = await opened();
    expect(first).toMatchObject({ path, nodeId: 'object-1', clusterId: undefined });
    expect(first.diskId).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(await readFile(join(path, 'stratum.json'), 'utf8'))).toEqual({
      format: 1,
      nodeId: 'object-1',
      diskId: first.diskId,
      createdAtMs: 1_000,
    });
    expect((await opened('object-1', 2_000)).diskId).toBe(first.diskId);
  });

  it('has another identity after it was emptied', async () => {
    const { diskId } = await opened();
    await folder.remove();
    expect((await opened()).diskId).not.toBe(diskId);
  });

  it.each([
    { what: 'an empty folder', names: [] },
    { what: 'a new file system', names: ['lost+found'] },
    { what: 'the rest of an interrupted start', names: ['stratum.lock', '.stratum.json.7-1.tmp'] },
  ])('is made in $what', async ({ names }) => {
    await mkdir(path);
    for (const name of names) await writeFile(join(path, name), '');
    expect((await opened()).nodeId).toBe('object-1');
  });

  it.each([
    { what: 'files of somebody else', name: 'thesis.txt', text: 'x', reason: 'thesis.txt' },
    { what: 'a marker that is not JSON', name: 'stratum.json', text: '{', reason: 'not JSON' },
    { what: 'a marker that is no object', name: 'stratum.json', text: '7', reason: 'not an object' },
    { what: 'a later format', name: 'stratum.json', text: '{"format":2}', reason: 'format 2' },
    { what: 'a marker without ids', name: 'stratum.json', text: '{"format":1}', reason: 'lacks nodeId' },
  ])('is refused with $what, and nothing is written', async ({ name, text, reason }) => {
    await mkdir(path);
    await writeFile(join(path, name), text);
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_DIR_FOREIGN',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('--data-dir'),
    });
    expect(await readdir(path)).toEqual([name]);
  });

  it('is refused to another node, which is told whose it is', async () => {
    await opened('object-1');
    await expect(open('object-2')).rejects.toMatchObject({
      code: 'DATA_DIR_FOREIGN',
      message: expect.stringMatching(/object-1.*object-2/),
    });
  });

  it('is locked while it is open, and free again after a refusal', async () => {
    const data = await open();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await data.close();
    await expect(open('object-2')).rejects.toMatchObject({ code: 'DATA_DIR_FOREIGN' });
    await opened();
  });

  it.each([
    { what: 'a file', at: (file: string) => file },
    { what: 'below a file', at: (file: string) => join(file, 'data') },
  ])('cannot be $what', async ({ at }) => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    path = at(file);
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_DIR_UNWRITABLE',
      message: expect.stringContaining(path),
      hint: expect.stringContaining('--data-dir'),
    });
  });

  it('cannot be where the system allows no folders', async () => {
    path = '/proc/stratum-data';
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_UNWRITABLE' });
  });

  it('belongs to one cluster for good', async () => {
    const data = await open();
    await data.bindCluster('cluster-1');
    await data.bindCluster('cluster-1');
    await expect(data.bindCluster('cluster-2')).rejects.toMatchObject({
      code: 'DATA_DIR_FOREIGN',
      message: expect.stringMatching(/cluster-1.*cluster-2/),
    });
    await data.close();
    expect((await opened()).clusterId).toBe('cluster-1');
  });

  it('gives each start a higher generation, although the clock stands still or falls back', async () => {
    const generations: bigint[] = [];
    for (const nowMs of [5_000, 5_000, 3_000, 9_000]) {
      const data = await open('object-1', nowMs);
      generations.push(await data.nextGeneration());
      await data.close();
    }
    expect(generations).toEqual([5_000n, 5_001n, 5_002n, 9_000n]);
  });

  describe('knows how the process before has ended', () => {
    /** A process of a cluster, with a generation of its own. */
    const run = async ({ isTakenIn = true } = {}) => {
      const data = await open();
      await data.nextGeneration();
      if (isTakenIn) await data.bindCluster('cluster-1');
      return data;
    };
    const crash = async (data: DataFolder) => {
      // What a crash leaves: everything as it is at that moment, and no lock.
      const saved = join(folder.path, 'crashed');
      await cp(path, saved, { recursive: true });
      await data.close();
      await rm(path, { recursive: true });
      await rename(saved, path);
      await rm(join(path, 'stratum.lock'), { force: true });
    };
    const wasCleanlyStopped = async () => {
      const data = await run();
      await data.close();
      return data.wasCleanlyStopped;
    };

    it('in order, or it has never been used', async () => {
      expect(await wasCleanlyStopped()).toBe(true);
      expect(await wasCleanlyStopped()).toBe(true);
    });

    it('in a crash, whatever was left before it', async () => {
      await (await run()).close();
      await crash(await run());
      expect(await wasCleanlyStopped()).toBe(false);
      expect(await wasCleanlyStopped()).toBe(true);
    });

    it('in a crash that the cluster has not heard of: a process that it never took in covers nothing up', async () => {
      await crash(await run());
      await (await run({ isTakenIn: false })).close();
      expect(await wasCleanlyStopped()).toBe(false);
    });

    it('in order, although a start in between did not reach the cluster', async () => {
      await (await run()).close();
      await (await run({ isTakenIn: false })).close();
      expect(await wasCleanlyStopped()).toBe(true);
    });

    it.each([
      ['of another disk', (text: string) => text.replace(/"diskId":"\w+"/, `"diskId":"${'0'.repeat(32)}"`)],
      ['of an earlier process', (text: string) => text.replace(/"generation":"\d+"/, '"generation":"7"')],
      ['that is cut off', (text: string) => text.slice(0, 20)],
    ])('and does not believe a proof %s, now or later', async (_, change) => {
      await (await run()).close();
      const proof = join(path, 'clean-stop.json');
      await writeFile(proof, change(await readFile(proof, 'utf8')));
      const data = await run();
      expect(data.wasCleanlyStopped).toBe(false);
      await expect(readFile(proof)).rejects.toMatchObject({ code: 'ENOENT' });
      await data.close();
    });

    it('and is free when the proof cannot be written', async () => {
      const data = await run();
      await mkdir(join(path, 'clean-stop.json'));
      await expect(data.close()).rejects.toMatchObject({ code: 'DATA_DIR_UNWRITABLE' });
      await rm(join(path, 'clean-stop.json'), { recursive: true });
      expect(await wasCleanlyStopped()).toBe(false);
    });
  });

  it('does not guess a generation that it cannot read', async () => {
    const data = await open();
    await writeFile(join(path, 'generation.json'), 'nonsense');
    await expect(data.nextGeneration()).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    await data.close();
  });
});

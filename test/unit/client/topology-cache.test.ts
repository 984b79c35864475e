import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, systemCode } from '../../../src/base/errors.ts';
import { TopologyCache } from '../../../src/client/topology-cache.ts';
import { formedCluster } from '../topology/sample-cluster.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-topology-cache-'));
  path = join(folder, 'topology');
});
afterEach(() => rm(folder, { recursive: true }));

describe('TopologyCache', () => {
  it('is empty before the first save, and then gives back what was saved', async () => {
    const cache = new TopologyCache({ path });
    expect(await cache.load()).toBeUndefined();
    await cache.save(formedCluster());
    expect(await new TopologyCache({ path }).load()).toEqual(formedCluster());
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['has another format', (bytes) => Buffer.concat([Buffer.of(2), bytes.subarray(1)])],
    ['is cut off', (bytes) => bytes.subarray(0, -1)],
    ['has a flipped bit', (bytes) => Buffer.from(bytes.map((byte, index) => (index === 60 ? byte ^ 1 : byte)))],
  ])('refuses a file that %s as DATA_CORRUPT', async (_, damage) => {
    const cache = new TopologyCache({ path });
    await cache.save(formedCluster());
    await writeFile(path, damage(await readFile(path)));
    await expect(cache.load()).rejects.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT'));
  });

  it('passes on the system’s error when the folder is gone', async () => {
    const cache = new TopologyCache({ path: join(folder, 'gone', 'topology') });
    await expect(cache.save(formedCluster())).rejects.toSatisfy((error) => systemCode(error) === 'ENOENT');
  });
});

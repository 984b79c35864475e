import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClusterFile,
  prepareClusterFolder,
  readClusterFile,
  refuseForeignFolder,
  writeClusterFile,
} from '../../../../src/cli/local-cluster/cluster-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-cluster-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const cluster: ClusterFile = {
  format: 1,
  name: 'local',
  nodes: [
    { id: 'coordinator-1', role: 'coordinator', port: 20_000, peerPort: 20_003 },
    { id: 'object-1', role: 'object', port: 20_001 },
    { id: 'frontend-1', role: 'frontend', port: 20_002, httpPort: 8480 },
  ],
  etcdBinary: '/opt/etcd',
};

describe('the file of a local cluster', () => {
  it('is read as it was written, and is none before', async () => {
    expect(await readClusterFile(folder)).toBeUndefined();
    await writeClusterFile(folder, cluster);
    expect(await readClusterFile(folder)).toEqual(cluster);
  });

  it('of a cluster from before there could be several coordinators is read as ever', async () => {
    const old = { format: 1, name: 'local', nodes: [{ id: 'coordinator-1', role: 'coordinator', port: 20_000 }] };
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(old));
    expect(await readClusterFile(folder)).toEqual(old);
  });

  it.each([
    '',
    '{',
    '{}',
    '{"format":2,"name":"x","nodes":[]}',
    '{"format":1,"name":"x","nodes":[{"id":"a","role":"king","port":1}]}',
    '{"format":1,"name":"x","nodes":[{"id":"a","role":"object","port":"1"}]}',
    '{"format":1,"name":"x","nodes":[{"id":"a","role":"coordinator","port":1,"peerPort":0}]}',
    '{"format":1,"name":"x","nodes":[],"etcdBinary":7}',
  ])('is refused when it is damaged: %s', async (text) => {
    writeFileSync(join(folder, 'cluster.json'), text);
    await expect(readClusterFile(folder)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      message: expect.stringContaining(folder),
    });
  });
});

describe('the folder of a local cluster', () => {
  it('may be missing, empty, or a cluster’s', async () => {
    await refuseForeignFolder(join(folder, 'missing'));
    await refuseForeignFolder(folder);
    await prepareClusterFolder(folder);
    await refuseForeignFolder(folder);
    await writeClusterFile(folder, cluster);
    mkdirSync(join(folder, 'object-1'));
    await refuseForeignFolder(folder);
  });

  it('is made with its parents, twice without harm', async () => {
    const deep = join(folder, 'a', 'b', 'c');
    await prepareClusterFolder(deep);
    await prepareClusterFolder(deep);
    await writeClusterFile(deep, cluster);
  });

  it('must not hold something else', async () => {
    writeFileSync(join(folder, 'thesis.txt'), 'precious');
    await expect(refuseForeignFolder(folder)).rejects.toMatchObject({
      code: 'DATA_DIR_FOREIGN',
      message: expect.stringContaining('thesis.txt'),
    });
  });

  it.each(['below a file', '/proc/stratum/x'])('that cannot be made is refused: %s', async (place) => {
    writeFileSync(join(folder, 'file'), '');
    const path = place.startsWith('/') ? place : join(folder, 'file', 'below');
    await expect(prepareClusterFolder(path)).rejects.toMatchObject({ code: 'DATA_DIR_UNWRITABLE' });
  });
});

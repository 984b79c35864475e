import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterFile } from '../../../../src/cli/local-cluster/cluster-file.ts';
import { nodePaths } from '../../../../src/cli/local-cluster/cluster-paths.ts';
import { writeNodeFiles } from '../../../../src/cli/local-cluster/node-yaml.ts';
import { loadNodeConfig } from '../../../../src/node/node-config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-node-yaml-'));
  mkdirSync(join(folder, 'nodes'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const object = { id: 'object-1', role: 'object', port: 20_010 } as const;
const alone: ClusterFile = {
  format: 1,
  name: 'local',
  nodes: [
    { id: 'coordinator-1', role: 'coordinator', port: 20_001 },
    object,
    { id: 'metadata-1', role: 'metadata', port: 20_011 },
  ],
};
const several: ClusterFile = {
  ...alone,
  nodes: [
    { id: 'coordinator-1', role: 'coordinator', port: 20_001, peerPort: 20_101 },
    { id: 'coordinator-2', role: 'coordinator', port: 20_002, peerPort: 20_102 },
    { id: 'coordinator-3', role: 'coordinator', port: 20_003, peerPort: 20_103 },
    ...alone.nodes.slice(1),
  ],
};

/** The configuration of a node as its process reads it. */
async function configOf(cluster: ClusterFile, nodeId: string) {
  await writeNodeFiles(cluster, folder);
  return loadNodeConfig({ file: nodePaths(folder, nodeId).configFile });
}

describe('the configuration of a node of a local cluster', () => {
  it('lets a single coordinator keep the topology by itself', async () => {
    const { etcd } = await configOf(alone, 'coordinator-1');
    expect(etcd).toMatchObject({ peers: {}, endpoints: [] });
  });

  it('lets each of several coordinators run an etcd member of its own', async () => {
    const config = await configOf({ ...several, etcdBinary: '/opt/etcd' }, 'coordinator-2');
    expect(config.etcd).toMatchObject({
      peers: {
        'coordinator-1': '127.0.0.1:20101',
        'coordinator-2': '127.0.0.1:20102',
        'coordinator-3': '127.0.0.1:20103',
      },
      peerListen: '127.0.0.1:20102',
      binary: '/opt/etcd',
    });
    expect(config.timings).toMatchObject({ leaderLeaseMs: 3_000, heartbeatBatchMs: 1_000 });
  });

  it('names all coordinators to every node, and their etcd to no other', async () => {
    const coordinators = ['127.0.0.1:20001', '127.0.0.1:20002', '127.0.0.1:20003'];
    for (const id of ['coordinator-3', 'object-1']) {
      expect((await configOf(several, id)).coordinators).toEqual(coordinators);
    }
    expect((await configOf(several, 'object-1')).etcd.peers).toEqual({});
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { EmbeddedConsensus } from '../../src/consensus/embedded-consensus.ts';
import { EtcdConsensus } from '../../src/consensus/etcd/etcd-consensus.ts';
import { EtcdStore } from '../../src/consensus/etcd/etcd-store.ts';
import { LmdbTopologyStore } from '../../src/consensus/lmdb-topology-store.ts';
import { MemoryTopologyStore } from '../../src/consensus/memory-topology-store.ts';
import type { TopologyStore } from '../../src/consensus/topology-store.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { emptyCluster } from '../unit/topology/sample-cluster.ts';
import { describeConsensus } from './consensus.ts';
import { type EtcdProcess, startEtcd } from './etcd-process.ts';

function embedded(store: TopologyStore, historyMax: number) {
  const options = {
    nodeId: 'coordinator-1',
    address: () => '127.0.0.1:7480',
    initialTopology: () => emptyCluster(),
    historyMax,
  };
  return new EmbeddedConsensus(options, { store, log: recordingLog() });
}

describeConsensus('EmbeddedConsensus in memory', () => {
  const store = new MemoryTopologyStore();
  return Promise.resolve({ create: (historyMax) => embedded(store, historyMax), remove: () => Promise.resolve() });
});

describeConsensus('EmbeddedConsensus on LMDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-consensus-'));
  return {
    create: (historyMax) => embedded(new LmdbTopologyStore({ path: join(folder, 'topology') }), historyMax),
    remove: () => rm(folder, { recursive: true }),
  };
});

let etcd: EtcdProcess;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());
let clusters = 0;

describeConsensus('EtcdConsensus on etcd', () => {
  clusters += 1;
  const prefix = `/stratum/${clusters}/`;
  const modules = { clock: systemClock, random: systemRandom, log: recordingLog() };
  return Promise.resolve({
    create: (historyMax) => {
      const store = new EtcdStore(
        { endpoints: [etcd.endpoint], prefix, asksMembers: true, callTimeoutMs: 2_000 },
        modules,
      );
      const options = {
        nodeId: 'coordinator-1',
        address: () => '127.0.0.1:7480',
        leaseMs: 2_000,
        initialTopology: () => emptyCluster(),
        ownMembers: false,
        historyMax,
      };
      return new EtcdConsensus(options, { ...modules, store });
    },
    remove: () => Promise.resolve(),
  });
});

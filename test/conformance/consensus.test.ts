import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedConsensus } from '../../src/consensus/embedded-consensus.ts';
import { LmdbTopologyStore } from '../../src/consensus/lmdb-topology-store.ts';
import { MemoryTopologyStore } from '../../src/consensus/memory-topology-store.ts';
import type { TopologyStore } from '../../src/consensus/topology-store.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { emptyCluster } from '../unit/topology/sample-cluster.ts';
import { describeConsensus } from './consensus.ts';

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

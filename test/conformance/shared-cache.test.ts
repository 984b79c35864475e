import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MiB } from '../../src/base/units.ts';
import { ObjectNode } from '../../src/node/object/object-node.ts';
import { RingSharedCache } from '../../src/replication/shared-cache/ring-shared-cache.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { ringOf, topologyOf } from '../unit/replication/sample-ring.ts';
import { memoryCacheNode } from '../unit/replication/shared-cache/memory-cache-node.ts';
import { temporaryFolder } from '../unit/store/sample-blobs.ts';
import { describeSharedCache } from './shared-cache.ts';

/** Under load an answer may take longer than a frontend would wait for it. */
const patient = { firstByteTimeoutMs: 20_000 };
const modules = { clock: systemClock, random: systemRandom, log: recordingLog() };

/** A ring of one node. */
function ringAt(address: string): Topology {
  const topology = ringOf({ o1: 'ACTIVE' });
  const nodes = new Map([...topology.nodes].map(([id, node]) => [id, { ...node, address }]));
  return { ...topology, nodes };
}

async function objectNode() {
  const folder = await temporaryFolder();
  const node = new ObjectNode(
    { nodeId: 'o1', path: join(folder.path, 'object'), cacheBytesMax: 64 * MiB },
    { ...modules, topology: topologyOf(undefined) },
  );
  await node.start();
  const remove = async () => {
    await node.stop();
    await folder.remove();
  };
  return { node, remove };
}

describeSharedCache('RingSharedCache on nodes in memory', async () => {
  const nodes = { connect: () => memoryCacheNode(), topology: topologyOf(ringAt('o1:1')) };
  const cache = new RingSharedCache(patient, { ...modules, ...nodes });
  return { cache, remove: async () => cache.close() };
});

describeSharedCache('RingSharedCache on the node of its process', async () => {
  const { node, remove } = await objectNode();
  const local = { nodeId: 'o1', node: node.inProcessCache };
  const cache = new RingSharedCache(patient, { ...modules, local, topology: topologyOf(ringAt('o1:1')) });
  return {
    cache,
    remove: async () => {
      cache.close();
      await remove();
    },
  };
});

describeSharedCache('RingSharedCache over HTTP', async () => {
  const { node, remove } = await objectNode();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.serveHttp(node.http);
  await server.start();
  const cache = new RingSharedCache(patient, { ...modules, topology: topologyOf(ringAt(server.address)) });
  return {
    cache,
    remove: async () => {
      cache.close();
      await server.stop(AbortSignal.timeout(1_000));
      await remove();
    },
  };
});

import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MetadataClient } from '../../src/client/metadata-client.ts';
import type { MetadataNode } from '../../src/node/metadata/metadata-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { MetadataServiceService } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { sampleMetadata } from '../unit/node/metadata/sample-metadata.ts';
import { heldTopology, metadataCluster } from '../unit/node/metadata/sample-topology.ts';
import { describeMetadataApi } from './metadata-api.ts';

/** Two metadata nodes that share the partitions. */
async function twoNodes() {
  const topology = heldTopology(undefined);
  const nodes = new Map<string, MetadataNode>();
  for (const nodeId of ['m1', 'm2']) nodes.set(nodeId, (await sampleMetadata({ nodeId, topology })).node);
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  return { topology, nodes, modules: { clock: systemClock, random: systemRandom, topology, channels } };
}

async function serve(node: MetadataNode): Promise<string> {
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(MetadataServiceService, node.service);
  await server.start();
  onTestFinished(() => server.stop(AbortSignal.abort()));
  return server.address;
}

describeMetadataApi('in process', async () => {
  const { topology, nodes, modules } = await twoNodes();
  topology.set(metadataCluster({ m1: 'nowhere.invalid:1', m2: 'nowhere.invalid:2' }));
  return new MetadataClient({}, { ...modules, local: (nodeId) => nodes.get(nodeId)?.handlers });
});

describeMetadataApi('over gRPC', async () => {
  const { topology, nodes, modules } = await twoNodes();
  const addresses: Record<string, string> = {};
  for (const [nodeId, node] of nodes) addresses[nodeId] = await serve(node);
  topology.set(metadataCluster(addresses));
  return new MetadataClient({}, modules);
});

describeMetadataApi('one node in process, the other over gRPC', async () => {
  const { topology, nodes, modules } = await twoNodes();
  const [own, other] = nodes.values();
  if (own === undefined || other === undefined) throw new Error('two nodes expected');
  topology.set(metadataCluster({ m1: 'nowhere.invalid:1', m2: await serve(other) }));
  return new MetadataClient({}, { ...modules, local: (nodeId) => (nodeId === 'm1' ? own.handlers : undefined) });
});

import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MetadataClient } from '../../src/client/metadata-client.ts';
import type { MetadataHandlers } from '../../src/client/metadata-handlers.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { type MetadataServiceServer, MetadataServiceService } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { MemoryLogs } from '../unit/node/metadata/memory-partitions.ts';
import { sampleService } from '../unit/node/metadata/sample-service.ts';
import { heldTopology, metadataCluster } from '../unit/node/metadata/sample-topology.ts';
import { describeMetadataApi } from './metadata-api.ts';

/** Two metadata nodes that share the partitions, each with a client of its own for names of the other's. */
function twoNodes() {
  const topology = heldTopology(undefined);
  const logs = new MemoryLogs();
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const modules = { clock: systemClock, random: systemRandom, topology, channels };
  const handlers = new Map<string, MetadataHandlers>();
  const services = new Map<string, MetadataServiceServer>();
  const addresses: Record<string, string> = {};
  // A node finds itself and the others as the test lets its clients find them.
  const local = (nodeId: string) => (addresses[nodeId]?.startsWith('nowhere') ? handlers.get(nodeId) : undefined);
  for (const nodeId of ['m1', 'm2']) {
    const names = new MetadataClient({}, { ...modules, local });
    const sample = sampleService({ nodeId, topology, logs, names });
    handlers.set(nodeId, sample.handlers);
    services.set(nodeId, sample.service);
  }
  const listen = (given: Record<string, string>) => {
    Object.assign(addresses, given);
    topology.set(metadataCluster(addresses));
    return new MetadataClient({}, { ...modules, local });
  };
  const serveNode = async (nodeId: string): Promise<string> => {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    const service = services.get(nodeId);
    if (service === undefined) throw new Error(`no node ${nodeId}`);
    server.add(MetadataServiceService, service);
    await server.start();
    onTestFinished(() => server.stop(AbortSignal.abort()));
    return server.address;
  };
  return { listen, serveNode };
}

describeMetadataApi('in process', async () => twoNodes().listen({ m1: 'nowhere.invalid:1', m2: 'nowhere.invalid:2' }));

describeMetadataApi('over gRPC', async () => {
  const { listen, serveNode } = twoNodes();
  return listen({ m1: await serveNode('m1'), m2: await serveNode('m2') });
});

describeMetadataApi('one node in process, the other over gRPC', async () => {
  const { listen, serveNode } = twoNodes();
  return listen({ m1: 'nowhere.invalid:1', m2: await serveNode('m2') });
});

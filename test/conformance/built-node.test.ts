import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { ObjectNode } from '../../src/node/object/object-node.ts';
import { buildNode } from '../../src/replication/build-node.ts';
import type { NodeIo } from '../../src/replication/node-directory.ts';
import { CircuitBreakerNode } from '../../src/replication/nodes/circuit-breaker-node.ts';
import { MeteredNode, type NodeObserver } from '../../src/replication/nodes/metered-node.ts';
import { RetryingNode } from '../../src/replication/nodes/retrying-node.ts';
import { type CallTracer, TracedNode } from '../../src/replication/nodes/traced-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { objectServiceDefinition } from '../../src/rpc/object-service-definition.ts';
import { observedHttp } from '../../src/rpc/observed-http.ts';
import { observedService, type ServiceObserver } from '../../src/rpc/observed-service.ts';
import { smallBlobServices } from '../../src/rpc/small-blob-services.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { topologyOf } from '../unit/replication/sample-ring.ts';
import { temporaryFolder } from '../unit/store/sample-blobs.ts';
import { describeNodeWriter } from './node-writer.ts';

const clock = systemClock;
const random = systemRandom;
const nothing = () => undefined;
const observer: NodeObserver = { answered: nothing, wrote: nothing, read: nothing, close: nothing };
const tracer: CallTracer = { calling: () => ({ within: (work) => work(), end: nothing }) };
const ofService: ServiceObserver = { serving: () => ({ answered: nothing, ended: nothing }) };

/** The object role of a process on a real disk. */
async function objectNode() {
  const folder = await temporaryFolder();
  const node = new ObjectNode(
    { nodeId: 'object-1', path: join(folder.path, 'object') },
    { clock, random, log: recordingLog(), topology: topologyOf(undefined) },
  );
  await node.start();
  const remove = async () => {
    await node.stop();
    await folder.remove();
  };
  return { node, remove };
}

const pool = new ChannelPool();
const decorators: readonly [string, (inner: NodeIo) => NodeIo][] = [
  ['RetryingNode', (inner) => new RetryingNode(inner, { pool, clock, random })],
  ['CircuitBreakerNode', (inner) => new CircuitBreakerNode(inner, { clock, random })],
  ['TracedNode', (inner) => new TracedNode(inner, { tracer })],
  ['MeteredNode', (inner) => new MeteredNode(inner, { clock, observer })],
];
for (const [name, decorate] of decorators) {
  describeNodeWriter(name, async () => {
    const { node, remove } = await objectNode();
    return { node: decorate(node.inProcess), remove };
  });
}

describeNodeWriter('a remote node with all that stands before it, watched on both sides', async () => {
  const { node, remove } = await objectNode();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(objectServiceDefinition, observedService(objectServiceDefinition, node.service, [ofService]));
  server.serveHttp(observedHttp(node.http, [ofService]));
  server.serveStreams(smallBlobServices(node.streams, [ofService]));
  await server.start();
  const channels = new ChannelPool();
  const options = { nodeId: 'object-1', endpoint: server.address };
  const built = buildNode(options, { pool: channels, clock, random, observe: () => observer, tracer });
  return {
    node: built.node,
    remove: async () => {
      built.close();
      channels.close();
      await server.stop(AbortSignal.timeout(1_000));
      await remove();
    },
  };
});

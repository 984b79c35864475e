import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { ObjectNode } from '../../src/node/object/object-node.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { objectServiceDefinition } from '../../src/rpc/object-service-definition.ts';
import { smallBlobServices } from '../../src/rpc/small-blob-services.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { topologyOf } from '../unit/replication/sample-ring.ts';
import { temporaryFolder } from '../unit/store/sample-blobs.ts';
import { describeNodeWriter } from './node-writer.ts';

/** The object role of a process on a real disk. */
async function objectNode() {
  const folder = await temporaryFolder();
  const node = new ObjectNode(
    { nodeId: 'object-1', path: join(folder.path, 'object') },
    { clock: systemClock, random: systemRandom, log: recordingLog(), topology: topologyOf(undefined) },
  );
  await node.start();
  const remove = async () => {
    await node.stop();
    await folder.remove();
  };
  return { node, remove };
}

describeNodeWriter('InProcessNode', async () => {
  const { node, remove } = await objectNode();
  return { node: node.inProcess, remove };
});

describeNodeWriter('RemoteNode', async () => {
  const { node, remove } = await objectNode();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(objectServiceDefinition, node.service);
  server.serveHttp(node.http);
  server.serveStreams(smallBlobServices(node.streams));
  await server.start();
  const pool = new ChannelPool();
  const remote = new RemoteNode({ nodeId: 'object-1', endpoint: server.address }, { pool, clock: systemClock });
  return {
    node: remote,
    remove: async () => {
      remote.close();
      pool.close();
      await server.stop(AbortSignal.timeout(1_000));
      await remove();
    },
  };
});

import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { ObjectNode } from '../../src/node/object/object-node.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { objectServiceDefinition } from '../../src/rpc/object-service-definition.ts';
import { smallBlobServices } from '../../src/rpc/small-blob-services.ts';
import { recordingLog } from '../unit/base/recording-log.ts';

// An object node as a process of its own, for blobs.ts: tells its address and serves until its parent ends it.
const modules = { clock: systemClock, random: systemRandom, log: recordingLog() };
const topology = { current: () => undefined, subscribe: () => () => undefined };
const node = new ObjectNode({ nodeId: 'object-1', path: process.argv[2] ?? '' }, { ...modules, topology });
await node.start();
const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
server.add(objectServiceDefinition, node.service);
server.serveHttp(node.http);
server.serveStreams(smallBlobServices(node.streams));
await server.start();
process.send?.(server.address);
process.on('disconnect', () => process.exit(0));

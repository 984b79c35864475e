import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { MetadataNode } from '../../src/node/metadata/metadata-node.ts';
import { MetadataServiceService } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../src/rpc/grpc-server.ts';
import { recordingLog } from '../unit/base/recording-log.ts';
import { heldTopology, metadataCluster } from '../unit/node/metadata/sample-topology.ts';

// A metadata node as a process of its own, for metadata.ts: tells its address and serves until its parent ends it.
const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:1' }));
const modules = { topology, clock: systemClock, random: systemRandom, log: recordingLog() };
const node = new MetadataNode({ nodeId: 'm1', path: process.argv[2] ?? '' }, modules);
await node.start();
const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
server.add(MetadataServiceService, node.service);
await server.start();
process.send?.(server.address);
process.on('message', () => process.send?.(`${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB resident`));
process.on('disconnect', () => process.exit(0));

import { onTestFinished } from 'vitest';
import { systemClock } from '../../../../../src/base/clock.ts';
import { GrpcReplicaPeers } from '../../../../../src/node/metadata/replication/grpc-replica-peers.ts';
import type { ReplicaPeer } from '../../../../../src/node/metadata/replication/replica-peer.ts';
import type { ReplicationHandlers } from '../../../../../src/node/metadata/replication/replication-handlers.ts';
import { replicationService } from '../../../../../src/node/metadata/replication-service.ts';
import { ChannelPool } from '../../../../../src/rpc/channel-pool.ts';
import { ReplicationServiceService } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../../../../src/rpc/grpc-server.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

/** Node m2 as another one reaches it over gRPC; it answers as told. */
export async function remotePeer(handlers: Partial<ReplicationHandlers>): Promise<ReplicaPeer> {
  const unused = () => {
    throw new Error('not asked for');
  };
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  const service = replicationService({ appendEntries: unused, beacon: unused, fetchSnapshot: unused, ...handlers });
  server.add(ReplicationServiceService, service);
  await server.start();
  onTestFinished(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const topology = heldTopology(metadataCluster({ m2: server.address }));
  const peer = new GrpcReplicaPeers({ topology, channels, clock: systemClock }).peer('m2');
  if (peer === undefined) throw new Error('m2 is registered');
  return peer;
}

export const neverAborted = new AbortController().signal;

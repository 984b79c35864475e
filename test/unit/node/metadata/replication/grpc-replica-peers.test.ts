import { describe, expect, it, onTestFinished } from 'vitest';
import { GrpcReplicaPeers } from '../../../../../src/node/metadata/replication/grpc-replica-peers.ts';
import { replicationService } from '../../../../../src/node/metadata/replication-service.ts';
import { ChannelPool } from '../../../../../src/rpc/channel-pool.ts';
import { ReplicationServiceService } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../../../../src/rpc/grpc-server.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

function peersOf(addresses: Readonly<Record<string, string>>) {
  const clock = manualClock();
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const topology = heldTopology(metadataCluster(addresses));
  return { clock, topology, peers: new GrpcReplicaPeers({ topology, channels, clock }) };
}

/** A node whose snapshots stop after a message, and what ends when its caller goes. */
async function stoppingServer() {
  const ended = Promise.withResolvers<void>();
  const unused = () => Promise.reject(new Error('not asked for'));
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  const fetchSnapshot = async function* () {
    yield { rows: [], checksum: 0, end: undefined };
    await ended.promise;
  };
  server.add(ReplicationServiceService, replicationService({ appendEntries: unused, beacon: unused, fetchSnapshot }));
  await server.start();
  onTestFinished(() => {
    ended.resolve();
    return server.stop(AbortSignal.abort());
  });
  return server.address;
}

describe('GrpcReplicaPeers', () => {
  it('knows the nodes that the topology does, as it is now', () => {
    const { peers, topology } = peersOf({ m1: '127.0.0.1:1' });
    expect(peers.peer('m1')).toBeDefined();
    expect(peers.peer('m2')).toBeUndefined();
    topology.set(metadataCluster({ m2: '127.0.0.1:2' }));
    expect(peers.peer('m2')).toBeDefined();
    topology.set(undefined);
    expect(peers.peer('m2')).toBeUndefined();
  });

  it('gives up a snapshot whose next message does not come', async () => {
    const { peers, clock } = peersOf({ m2: await stoppingServer() });
    const messages = peers.peer('m2')?.fetchSnapshot({ partition: 3, epoch: 5n }, new AbortController().signal);
    const iterator = messages?.[Symbol.asyncIterator]();
    expect(await iterator?.next()).toMatchObject({ done: false });
    // However long the one who writes it takes: only the wait for the next one counts.
    clock.advance(60_000);
    const next = iterator?.next();
    const failed = expect(next).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    clock.advance(9_999);
    expect(clock.pendingTimers()).toBeGreaterThan(0);
    clock.advance(1);
    await failed;
    expect(clock.pendingTimers()).toBe(0);
  });
});

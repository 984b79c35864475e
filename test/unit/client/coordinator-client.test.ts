import { afterEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { metadataCluster, partitionOf, plainNodes } from '../topology/planned-cluster.ts';
import { applied, formedCluster, register, sampleRegistration } from '../topology/sample-cluster.ts';
import { SampleCoordinators } from './sample-coordinators.ts';

const coordinators = new SampleCoordinators();

afterEach(() => coordinators.close());

const heartbeat = {
  nodeId: 'object-1',
  generationId: 1n,
  knownVersion: 0n,
  reportedState: 'READY' as const,
  stats: undefined,
};

describe('CoordinatorClient', () => {
  it('needs at least one endpoint', () => {
    expect(() => coordinators.client([])).toThrow(expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT')));
  });

  it('reads the topology, and nothing when it is not newer', async () => {
    const topology = formedCluster();
    const { address } = await coordinators.start({ topology });
    const client = coordinators.client([address]);
    expect(await client.getTopology()).toEqual({ topology, version: topology.version });
    expect(await client.getTopology({ minVersion: topology.version, linearizable: true })).toEqual({
      topology: undefined,
      version: topology.version,
    });
  });

  it('reads from any coordinator, and what must be linearizable from the leader', async () => {
    const leader = await coordinators.start({ topology: formedCluster() });
    const follower = await coordinators.startFollower({ id: 'coordinator-1', address: leader.address });
    const client = coordinators.client([follower.address]);
    expect((await client.getTopology()).version).toBe(0n);
    expect((await client.getTopology({ linearizable: true })).version).toBe(formedCluster().version);
  });

  it('takes a node through its life', async () => {
    const { address } = await coordinators.start();
    const client = coordinators.client([address]);
    const registered = await client.registerNode(sampleRegistration());
    expect(registered).toMatchObject({ alreadyRegistered: false, heartbeatIntervalMs: 1_000 });
    expect((await client.getTopology()).topology).toMatchObject({ clusterId: registered.clusterId, version: 1n });
    expect(await client.heartbeat(heartbeat)).toEqual({
      version: 2n,
      refreshRequired: true,
      term: 1n,
      leaderId: 'coordinator-1',
      heartbeatIntervalMs: 1_000,
      suspectTimeoutMs: 3_000,
      downTimeoutMs: 6_000,
    });
    expect(await client.listHeartbeats()).toMatchObject([{ nodeId: 'object-1', reportedState: 2 }]);
    expect(await client.deregisterNode('object-1', 1n)).toEqual({ removed: true, version: 3n });
    await expect(client.heartbeat(heartbeat)).rejects.toSatisfy((error) => hasCode(error, 'NODE_NOT_FOUND'));
  });

  it('answers leader, ring and the health of the consensus', async () => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const client = coordinators.client([address]);
    expect(await client.getLeader()).toMatchObject({
      leaderId: 'coordinator-1',
      leaderAddress: address,
      isLeader: true,
    });
    expect((await client.getHashRing()).entries).toHaveLength(24);
    expect(await client.askCoordinator(address)).toMatchObject({
      leader: { isLeader: true },
      consensus: { driver: 'embedded', hasQuorum: true },
      error: undefined,
    });
  });

  it('says of one coordinator why it does not answer, and asks no other', async () => {
    const unused = await coordinators.unusedAddress();
    const { address } = await coordinators.start();
    const client = coordinators.client([address]);
    expect(await client.askCoordinator(unused, { timeoutMs: 2_000 })).toMatchObject({
      leader: undefined,
      consensus: undefined,
      error: { code: 'UNREACHABLE' },
    });
    const silent = await coordinators.startSilent();
    expect(await client.askCoordinator(silent, { timeoutMs: 100 })).toMatchObject({
      error: { code: 'DEADLINE_EXCEEDED' },
    });
  });

  it('reads the history of applied commands, with who asked for them', async () => {
    const { address, consensus } = await coordinators.start();
    const { update } = await consensus.propose(register());
    const client = coordinators.client([address]);
    const kept = { version: 1n, keptSinceVersion: 0n };
    expect(await client.getTopologyHistory({ sinceVersion: 0n, limit: 10 })).toEqual({ updates: [update], ...kept });
    expect(await client.getTopologyHistory({ sinceVersion: 1n, limit: 10 })).toEqual({ updates: [], ...kept });
  });

  it('watches the topology until the caller ends it', async () => {
    const { address, consensus } = await coordinators.start();
    const client = coordinators.client([address]);
    const caller = new AbortController();
    const events = client.watchTopology(0n, caller.signal);
    expect((await events.next()).value).toMatchObject({ kind: 'full-sync', topology: { version: 0n } });
    const { topology, update } = await consensus.propose(register());
    expect((await events.next()).value).toEqual({ kind: 'update', update });
    expect(topology).toEqual(applied(consensus.current()));
    const last = events.next();
    const reason = new Error('enough');
    caller.abort(reason);
    await expect(last).rejects.toBe(reason);
  });

  it('goes to the next coordinator with the watch after one that failed', async () => {
    const { address } = await coordinators.start();
    const client = coordinators.client([await coordinators.unusedAddress(), address]);
    const { signal } = new AbortController();
    await expect(client.watchTopology(0n, signal).next()).rejects.toSatisfy((error) => hasCode(error, 'UNREACHABLE'));
    const events = client.watchTopology(0n, signal);
    expect((await events.next()).value).toMatchObject({ kind: 'full-sync' });
    await events.return();
  });

  it('changes partitions, and shows what the coordinators will do by themselves', async () => {
    const topology = metadataCluster(plainNodes(3), { partitions: 3 });
    const { address } = await coordinators.start({ topology });
    const client = coordinators.client([address]);
    expect(await client.planPartitions()).toMatchObject({ changes: [], deferred: [] });
    const before = partitionOf(topology, 0);
    const primaryId = before.inSync.find((id) => id !== before.primaryId) ?? '';
    const by = { actor: 'ada', reason: 'a test' };
    const moved = await client.changePartition({ partition: { ...before, primaryId } }, by);
    expect(moved).toEqual({ ...before, primaryId, epoch: before.epoch + 1n });
    const raised = await client.changePartition({ partition: moved, raisesEpoch: true }, by);
    expect(raised).toEqual({ ...moved, epoch: moved.epoch + 1n });
    const alone = { ...raised, inSync: [primaryId] };
    await expect(client.changePartition({ partition: alone }, by)).rejects.toMatchObject({ code: 'UNSAFE' });
    const forced = await client.changePartition({ partition: alone, acceptDataLoss: true }, by);
    expect(forced.inSync).toEqual([primaryId]);
  });

  it('tells the coordinators whose primary is not heard, and they replace it at once', async () => {
    const topology = metadataCluster(plainNodes(3), { partitions: 1 });
    const { address, consensus } = await coordinators.start({ topology });
    const client = coordinators.client([address]);
    const { id, epoch, primaryId, inSync } = partitionOf(topology, 0);
    const replaced = Promise.withResolvers<void>();
    consensus.subscribe((_, { partitions }) => {
      if (partitions[0]?.primaryId !== primaryId) replaced.resolve();
    });
    for (const nodeId of inSync.filter((each) => each !== primaryId)) {
      await client.heartbeat({ ...heartbeat, nodeId, silentPrimaries: [{ partition: id, epoch }] });
    }
    await replaced.promise;
    expect(partitionOf(consensus.current(), 0).inSync).not.toContain(primaryId);
  });

  it.each([true, false])('says at a registration whether it comes after a clean stop: %s', async (afterCleanStop) => {
    const topology = metadataCluster(plainNodes(3), { partitions: 1 });
    const { address, consensus } = await coordinators.start({ topology });
    const { primaryId } = partitionOf(topology, 0);
    const next = sampleRegistration({ id: primaryId, roles: ['metadata'], generationId: 2n });
    await coordinators.client([address]).registerNode(next, { afterCleanStop });
    const after = partitionOf(consensus.current(), 0);
    expect(after.primaryId).not.toBe(primaryId);
    expect(after.inSync.includes(primaryId)).toBe(afterCleanStop);
  });
});

import { describe, expect, it } from 'vitest';
import { changePartition } from '../../../../../src/node/coordinator/rpc/change-partition.ts';
import type { Partition } from '../../../../../src/topology/topology.ts';
import { formedCluster } from '../../../topology/sample-cluster.ts';
import { audit, badNodeIds, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

/** A formed cluster, and the request that gives partition 0 a second replica, which has caught up. */
async function sample() {
  const formed = formedCluster();
  const alone = formed.partitions.map((each) => ({ ...each, inSync: [each.primaryId], replicas: [each.primaryId] }));
  const { modules } = await sampleCoordinator([], { topology: { ...formed, partitions: alone } });
  const before = modules.consensus.current();
  const current = partitionOf(before.partitions);
  const joins = ['metadata-1', 'metadata-2'].find((nodeId) => nodeId !== current.primaryId) ?? '';
  const members = [current.primaryId, joins];
  const partition = { ...current, inSync: [...members], replicas: [...members] };
  return {
    modules,
    before,
    current,
    joins,
    request: { partition, generations: { [joins]: 1n }, acceptDataLoss: false, raiseEpoch: false, audit },
  };
}

function messageOf(partition: Partition) {
  return { ...partition, inSync: [...partition.inSync], replicas: [...partition.replicas] };
}

function partitionOf(partitions: readonly Partition[]): Partition {
  const [first] = partitions;
  if (first === undefined) throw new Error('the sample has no partition');
  return first;
}

describe('ChangePartition', () => {
  it('changes a partition under the next epoch, and records who and why', async () => {
    const { modules, before, current, request } = await sample();
    const { partition, version } = await changePartition(modules)(request, call);
    expect(version).toBe(before.version + 1n);
    expect(partition).toEqual({ ...request.partition, epoch: current.epoch + 1n });
    expect(partitionOf(modules.consensus.current().partitions)).toEqual(partition);
    expect(modules.consensus.history(before.version)?.[0]?.audit).toEqual({ ...by, atMs: modules.clock.nowMs() });
    expect(modules.log.lines.at(-1)).toMatchObject({ fields: { partition: 0, by } });
  });

  it('changes nothing when it is so already', async () => {
    const { modules, request } = await sample();
    const { partition, version } = await changePartition(modules)(request, call);
    if (partition === undefined) throw new Error('no partition was answered');
    const again = await changePartition(modules)({ ...request, partition }, call);
    expect(again).toEqual({ partition, version });
  });

  it('refuses a replica whose process is another than the one that had caught up', async () => {
    const { modules, before, joins, request } = await sample();
    const asked = changePartition(modules)({ ...request, generations: { [joins]: 7n } }, call);
    await expect(asked).rejects.toMatchObject({ code: 'ZOMBIE_NODE', details: { nodeId: joins } });
    expect(modules.consensus.current()).toBe(before);
  });

  it('raises the epoch although the sets stay, when that is asked for', async () => {
    const { modules, current, request } = await sample();
    const { partition } = await changePartition(modules)(
      { ...request, partition: messageOf(current), raiseEpoch: true },
      call,
    );
    expect(partition).toEqual({ ...current, epoch: current.epoch + 1n });
  });

  it('lets an operator leave a set with too few members, who accepts what that may lose', async () => {
    const { modules, request, current } = await sample();
    const { partition } = await changePartition(modules)(request, call);
    if (partition === undefined) throw new Error('no partition was answered');
    const less = { ...request, generations: {}, partition: { ...partition, inSync: [current.primaryId] } };
    await expect(changePartition(modules)(less, call)).rejects.toMatchObject({ code: 'UNSAFE' });
    const forced = await changePartition(modules)({ ...less, acceptDataLoss: true }, call);
    expect(forced.partition?.inSync).toEqual([current.primaryId]);
  });

  const many = Array.from({ length: 101 }, (_, at) => `n${at}`);
  it.each<[string, object, string]>([
    ['an epoch that has passed', { epoch: 9n }, 'VERSION_CONFLICT'],
    ['a partition that is none', { id: 4_000_000_000 }, 'NOT_FOUND'],
    ['no primary', { primaryId: '' }, 'INVALID_ARGUMENT'],
    ['more replicas than can be', { replicas: many }, 'INVALID_ARGUMENT'],
    ['more members in sync than can be', { inSync: many }, 'INVALID_ARGUMENT'],
    ...badNodeIds.map((id): [string, object, string] => [
      `the replica ${JSON.stringify(id)}`,
      { replicas: [id] },
      'INVALID_ARGUMENT',
    ]),
  ])('refuses %s and leaves the topology as it was', async (_, changes, code) => {
    const { modules, before, request } = await sample();
    const asked = changePartition(modules)({ ...request, partition: { ...request.partition, ...changes } }, call);
    await expect(asked).rejects.toMatchObject({ code });
    expect(modules.consensus.current()).toBe(before);
  });

  it.each<[string, object, string]>([
    ['no partition', { partition: undefined }, 'partition'],
    ['the generation of an id that cannot be', { generations: { 'a b': 1n } }, 'generations'],
    ['a generation of 0', { generations: { 'metadata-1': 0n } }, 'generations.metadata-1'],
  ])('refuses %s', async (_, changes, field) => {
    const { modules, request } = await sample();
    const asked = changePartition(modules)({ ...request, ...changes }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules, request } = await sample();
    const asked = changePartition(modules)({ ...request, audit: refused }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it('is the leader’s alone', async () => {
    const { modules, request } = await sample();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(changePartition({ ...modules, consensus })(request, call)).rejects.toMatchObject({
      code: 'NOT_LEADER',
    });
  });
});

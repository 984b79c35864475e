import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Partition, Topology } from '../../../src/topology/topology.ts';
import { down, metadataCluster, partitionOf, plainNodes } from './planned-cluster.ts';
import { applied, nodeOf, register, setState } from './sample-cluster.ts';

/** Partition 0 of a cluster of `count` nodes, whose primary is m-1, and its other members as given. */
function sample(inSync: readonly string[], count = 3): Topology {
  const topology = metadataCluster(plainNodes(count), { partitions: 1, metadataReplicas: count });
  const partition: Partition = { ...partitionOf(topology, 0), epoch: 4n, primaryId: 'm-1', inSync };
  return { ...topology, partitions: [partition] };
}

/** The next process of a node, after a clean stop or none, perhaps with another disk. */
function restart(
  topology: Topology,
  id: string,
  how: { readonly isClean?: boolean; readonly disk?: string; readonly roles?: readonly ('object' | 'metadata')[] } = {},
) {
  const { isClean = true, disk = `disk-of-${id}`, roles = ['metadata'] } = how;
  const command = register({ id, roles, generationId: 2n, diskId: disk });
  return reduce(topology, { ...command, afterCleanStop: isClean } as typeof command, 1n);
}

const all = ['m-1', 'm-2', 'm-3'];

describe('the restart of a primary', () => {
  it('hands its partition to an ACTIVE in-sync replica, in the same update and a new epoch', () => {
    const { topology, update } = restart(sample(all), 'm-1');
    const after = partitionOf(topology, 0);
    expect(after).toMatchObject({ epoch: 5n, inSync: all });
    expect(['m-2', 'm-3']).toContain(after.primaryId);
    expect(nodeOf(topology, 'm-1').generationId).toBe(2n);
    expect(update).toMatchObject({ partitionsChanged: [after], reason: 'register m-1: 1 partition handed over' });
  });

  it('raises the epoch although nobody can take over: a change that is in flight must not land (KAFKA-12686)', () => {
    const before = applied(sample(['m-1', 'm-2']), ...down('m-2'), setState('m-3', 'SUSPECT'));
    const { topology } = restart(before, 'm-1', { isClean: false });
    expect(partitionOf(topology, 0)).toEqual({ ...partitionOf(before, 0), epoch: 5n });
    const inFlight = { ...partitionOf(before, 0), inSync: all };
    const usual = { acceptDataLoss: false, raiseEpoch: false, by: { actor: 'm-1', reason: 'caught up' } };
    const generations = new Map([['m-3', 1n]]);
    const late = { kind: 'change-partition', atMs: 0, partition: inFlight, generations, ...usual } as const;
    expect(() => reduce(topology, late, 1n)).toThrow(expect.toSatisfy((error) => hasCode(error, 'VERSION_CONFLICT')));
  });

  it('hands several partitions to those who have the fewest', () => {
    const before = metadataCluster(plainNodes(3), { partitions: 9 });
    const { topology } = restart(before, 'm-1');
    const counts = ['m-2', 'm-3'].map((id) => topology.partitions.filter(({ primaryId }) => primaryId === id).length);
    expect(counts.toSorted()).toEqual([4, 5]);
  });

  it('repeated by the same process changes nothing more', () => {
    const { topology } = restart(sample(all), 'm-1', { isClean: false });
    expect(restart(topology, 'm-1', { isClean: false })).toEqual({ topology, update: undefined });
  });
});

describe('the restart of an in-sync replica', () => {
  it('after a clean stop changes nothing', () => {
    const before = sample(all);
    expect(restart(before, 'm-2').topology.partitions).toBe(before.partitions);
  });

  it('after an unclean stop takes it out of the in-sync set, and leaves it a replica', () => {
    const { topology, update } = restart(sample(all), 'm-2', { isClean: false });
    const before = partitionOf(sample(all), 0);
    expect(partitionOf(topology, 0)).toEqual({ ...before, epoch: 5n, inSync: ['m-1', 'm-3'] });
    expect(update?.reason).toBe('register m-2: left the in-sync set of 1 partition after an unclean stop');
  });

  it('after an unclean stop takes the primary out too, when another one can be primary', () => {
    const { topology } = restart(sample(all), 'm-1', { isClean: false });
    const { primaryId, inSync } = partitionOf(topology, 0);
    expect({ isOther: primaryId !== 'm-1', inSync }).toEqual({ isOther: true, inSync: ['m-2', 'm-3'] });
  });

  it.each([
    ['of two', ['m-1', 'm-2'], 'm-2'],
    ['that is alone', ['m-1'], 'm-1'],
  ])('after an unclean stop leaves one %s where it is, and says so', (_, inSync, id) => {
    const { topology, update } = restart(sample(inSync), id, { isClean: false });
    expect(partitionOf(topology, 0).inSync).toEqual(inSync);
    expect(update?.reason).toContain('stays in the in-sync set of 1 partition, which would have too few members');
  });

  it('does not touch partitions that it only catches up with', () => {
    const before = sample(['m-1', 'm-2']);
    expect(restart(before, 'm-3', { isClean: false }).topology.partitions).toBe(before.partitions);
  });
});

describe('a wiped disk', () => {
  const wiped = { isClean: true, disk: 'new' };

  it('takes its node out of the in-sync sets; it stays a replica and catches up from nothing', () => {
    for (const id of all) {
      const { topology, update } = restart(sample(all), id, wiped);
      const { primaryId, inSync, replicas } = partitionOf(topology, 0);
      expect(inSync).toEqual(all.filter((each) => each !== id));
      expect(inSync).toContain(primaryId);
      expect(replicas).toContain(id);
      expect(nodeOf(topology, id).diskId).toBe('new');
      expect(update?.reason).toContain('after the loss of its disk');
    }
  });

  it('of a primary leaves the partition to one that is away rather than to the empty one', () => {
    const before = applied(sample(all), ...down('m-2'), setState('m-3', 'SUSPECT'));
    expect(partitionOf(restart(before, 'm-1', wiped).topology, 0)).toMatchObject({
      primaryId: 'm-3',
      inSync: ['m-2', 'm-3'],
    });
  });

  it.each([
    ['of two in sync', ['m-1', 'm-2'], 'm-2'],
    ['of the only one', ['m-1'], 'm-1'],
  ])('%s is refused: nothing changes', (_, inSync, id) => {
    const before = sample(inSync);
    expect(() => restart(before, id, wiped)).toThrow(
      expect.objectContaining({ code: 'UNSAFE', message: expect.stringContaining('another disk') }),
    );
  });

  it('of a replica that was not in sync is welcome', () => {
    const before = sample(['m-1', 'm-2']);
    expect(restart(before, 'm-3', wiped).topology.partitions).toBe(before.partitions);
  });

  it('of a node that holds blobs as well is refused as before', () => {
    const before = sample(all);
    const member = { nodeId: 'm-3', weight: 100, zone: '' };
    const inRing = { ...before, ring: { ...before.ring, epoch: 1n, nodes: [member] } };
    expect(() => restart(inRing, 'm-3', { ...wiped, roles: ['object', 'metadata'] })).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'UNSAFE')),
    );
  });
});

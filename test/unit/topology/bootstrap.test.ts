import { describe, expect, it } from 'vitest';
import { reduce } from '../../../src/topology/reduce.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

describe('the first ring', () => {
  it('is formed in the very update that makes the last expected object node ACTIVE', () => {
    const two = ['object-1', 'object-2'].flatMap((id) => [register({ id }), setState(id, 'ACTIVE')]);
    const before = applied(emptyCluster(), ...two, register({ id: 'object-3', labels: { zone: 'z' }, weight: 50 }));
    expect(before.ring.epoch).toBe(0n);
    const { topology, update } = reduce(before, setState('object-3', 'ACTIVE'), 1n);
    expect(update?.ring).toEqual(topology.ring);
    expect(update?.reason).toBe('object-3 is ACTIVE: test; ring 1 formed of 3 nodes');
    expect(topology.ring).toEqual({
      epoch: 1n,
      replicationFactor: 3,
      writeQuorum: 2,
      virtualNodes: 8,
      nodes: [
        { nodeId: 'object-1', weight: 100, zone: '' },
        { nodeId: 'object-2', weight: 100, zone: '' },
        { nodeId: 'object-3', weight: 50, zone: 'z' },
      ],
    });
  });

  it('does not count nodes of other roles, and does count nodes of several', () => {
    const one = emptyCluster({ bootstrapExpectObject: 1 });
    expect(applied(one, register({ roles: ['frontend'] }), setState('object-1', 'ACTIVE')).ring.epoch).toBe(0n);
    const all = applied(one, register({ roles: ['object', 'metadata', 'frontend'] }), setState('object-1', 'ACTIVE'));
    expect(all.ring.nodes.map(({ nodeId }) => nodeId)).toEqual(['object-1']);
  });

  it('keeps a later object node JOINING, and says so', () => {
    const { topology, update } = reduce(formedCluster(), register({ id: 'object-4' }), 1n);
    expect(update?.reason).toContain('waits for a ring change');
    const ready = reduce(topology, setState('object-4', 'ACTIVE'), 1n);
    expect(ready).toEqual({ topology, update: undefined });
    expect(nodeOf(topology, 'object-4').state).toBe('JOINING');
  });

  it('lets a later metadata node and a later frontend become ACTIVE', () => {
    const topology = applied(
      formedCluster(),
      register({ id: 'm', roles: ['metadata'] }),
      setState('m', 'ACTIVE'),
      register({ id: 'f', roles: ['frontend'] }),
      setState('f', 'ACTIVE'),
    );
    expect([nodeOf(topology, 'm').state, nodeOf(topology, 'f').state]).toEqual(['ACTIVE', 'ACTIVE']);
  });
});

describe('the first assignment of partitions', () => {
  it('waits for the expected metadata nodes and then gives every partition a primary and its replicas, all in sync', () => {
    const one = applied(emptyCluster(), register({ id: 'm-1', roles: ['metadata'] }), setState('m-1', 'ACTIVE'));
    expect(one.partitions.every(({ epoch }) => epoch === 0n)).toBe(true);
    const { topology, update } = reduce(
      applied(one, register({ id: 'm-2', roles: ['metadata'] })),
      setState('m-2', 'ACTIVE'),
      1n,
    );
    expect(update?.partitionsChanged).toHaveLength(8);
    for (const { epoch, primaryId, inSync, replicas } of topology.partitions) {
      expect({ epoch, replicas: replicas.toSorted() }).toEqual({ epoch: 1n, replicas: ['m-1', 'm-2'] });
      expect(inSync).toEqual(replicas);
      expect(replicas).toContain(primaryId);
    }
  });

  it('leaves alone what an operator has assigned by hand before', () => {
    const two = ['m-1', 'm-2'].map((id) => register({ id, roles: ['metadata'] }));
    const [first, second] = ['m-1', 'm-2'].map((id) => setState(id, 'ACTIVE'));
    if (first === undefined || second === undefined) throw new Error('two commands');
    const one = applied(emptyCluster(), ...two, first);
    const assign = {
      kind: 'change-partition',
      atMs: 0,
      generations: new Map(),
      acceptDataLoss: false,
      raiseEpoch: false,
      by: sampleRequester,
    } as const;
    const partition = { id: 5, epoch: 0n, primaryId: 'm-1', inSync: ['m-1'], replicas: ['m-1'] };
    const before = applied(one, { ...assign, partition });
    expect(before.partitions.map(({ epoch }) => epoch)).toEqual([0n, 0n, 0n, 0n, 0n, 1n, 0n, 0n]);
    const { topology, update } = reduce(before, second, 1n);
    expect(update?.partitionsChanged.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 6, 7]);
    expect(topology.partitions[5]).toEqual({ ...partition, epoch: 1n });
    expect(topology.partitions.every(({ epoch }) => epoch === 1n)).toBe(true);
  });

  it('happens once: a later metadata node gets nothing', () => {
    const before = formedCluster();
    const topology = applied(before, register({ id: 'm', roles: ['metadata'] }), setState('m', 'ACTIVE'));
    expect(topology.partitions).toBe(before.partitions);
  });
});

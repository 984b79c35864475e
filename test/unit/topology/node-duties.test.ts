import { describe, expect, it } from 'vitest';
import { hasDataPlaced, holdsPartitions, isInRing, waitsForRing } from '../../../src/topology/node-duties.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register } from './sample-cluster.ts';

describe('the duties of a node', () => {
  it.each([
    ['object-1', { ring: true, partitions: false, data: true }],
    ['metadata-1', { ring: false, partitions: true, data: true }],
    ['unknown', { ring: false, partitions: false, data: false }],
  ])('of %s follow from ring and partitions', (id, expected) => {
    const topology = formedCluster();
    expect({
      ring: isInRing(topology, id),
      partitions: holdsPartitions(topology, id),
      data: hasDataPlaced(topology, id),
    }).toEqual(expected);
  });

  it('count a replica that is not the primary', () => {
    const topology = formedCluster();
    const [first, ...rest] = topology.partitions;
    if (first === undefined) throw new Error('no partition');
    const partitions = [{ ...first, replicas: [...first.replicas, 'replica'] }, ...rest];
    expect(holdsPartitions({ ...topology, partitions }, 'replica')).toBe(true);
  });
});

describe('waitsForRing', () => {
  it('holds for an object node outside a formed ring alone', () => {
    const formed = applied(formedCluster(), register({ id: 'late' }), register({ id: 'f', roles: ['frontend'] }));
    expect(['late', 'f', 'object-1'].map((id) => waitsForRing(formed, nodeOf(formed, id)))).toEqual([
      true,
      false,
      false,
    ]);
    const forming = applied(emptyCluster(), register());
    expect(waitsForRing(forming, nodeOf(forming, 'object-1'))).toBe(false);
  });
});

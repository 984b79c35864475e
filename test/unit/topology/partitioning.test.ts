import { describe, expect, it } from 'vitest';
import { assignedPartitions, partitionOf, partitionOfRepo } from '../../../src/topology/partitioning.ts';
import { emptyCluster, formedCluster } from './sample-cluster.ts';

describe('partitionOf', () => {
  // What is on disk and in every client depends on these; they must never change. Computed with sha256sum.
  it.each([
    ['team/app', 64, 52],
    ['team/app', 4, 0],
    ['a/b', 64, 0],
    ['deep/er/name', 4_096, 2_282],
  ])('puts %s of %d partitions into %d, for ever', (name, partitions, expected) => {
    expect(partitionOf(name, partitions)).toBe(expected);
  });

  it('spreads names evenly', () => {
    const counts = Array(8).fill(0);
    for (let at = 0; at < 8_000; at += 1) counts[partitionOf(`team/app-${at}`, 8)] += 1;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe('assigned partitions', () => {
  it('are all of a formed cluster, and a repository has one of them', () => {
    const topology = formedCluster();
    expect(assignedPartitions(topology)).toEqual(topology.partitions);
    expect(partitionOfRepo(topology, 'team/app').id).toBe(partitionOf('team/app', topology.partitions.length));
  });

  it.each([
    ['there is no topology', undefined],
    ['no partition has a primary', emptyCluster()],
    ['there are no partitions', { ...emptyCluster(), partitions: [] }],
    [
      'one has no primary',
      {
        ...formedCluster(),
        partitions: formedCluster().partitions.map((at) => (at.id === 3 ? { ...at, primaryId: '' } : at)),
      },
    ],
  ])('are not ready while %s', (_, topology) => {
    const notReady = expect.objectContaining({ code: 'NOT_READY' });
    expect(() => assignedPartitions(topology)).toThrow(notReady);
    expect(() => partitionOfRepo(topology, 'team/app')).toThrow(notReady);
  });
});

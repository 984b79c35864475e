import { describe, expect, it } from 'vitest';
import { partitionStatistics, ringStatistics } from '../../../src/cli/quorum-statistics.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { sampleSnapshot } from '../tui/sample-snapshot.ts';
import { partitionTopology, samplePartition } from './sample-partitions.ts';

describe('the redundancy of the ring', () => {
  const cases: readonly [string, Record<string, NodeState>, Record<string, number>][] = [
    ['is full while all nodes are up', {}, { full: 24, atQuorum: 0, belowQuorum: 0, lost: 0 }],
    ['counts a suspect node as there', { 'object-1': 'SUSPECT' }, { full: 24, atQuorum: 0 }],
    ['is at quorum with one node down', { 'object-1': 'DOWN' }, { full: 0, atQuorum: 24, belowQuorum: 0 }],
    ['is below with two', { 'object-1': 'DOWN', 'object-2': 'DOWN' }, { atQuorum: 0, belowQuorum: 24, lost: 0 }],
    ['is lost with all', { 'object-1': 'DOWN', 'object-2': 'DOWN', 'object-3': 'DOWN' }, { belowQuorum: 0, lost: 24 }],
  ];
  it.each(cases)('%s', (_title, states, expected) => {
    expect(ringStatistics(sampleSnapshot(states).topology)).toMatchObject({ total: 24, ...expected });
  });

  it('asks somebody who knows more than the states', () => {
    const { topology } = sampleSnapshot();
    expect(ringStatistics(topology, (id) => id !== 'object-1')).toMatchObject({ full: 0, atQuorum: 24 });
  });

  it('is empty before a ring is formed', () => {
    const { topology } = sampleSnapshot();
    const unformed = { ...topology, ring: { ...topology.ring, epoch: 0n, nodes: [] } };
    expect(ringStatistics(unformed).total).toBe(0);
  });
});

describe('the redundancy of the partitions', () => {
  it('needs a primary that is up', () => {
    expect(partitionStatistics(sampleSnapshot().topology)).toMatchObject({ total: 4, full: 4, lost: 0 });
    expect(partitionStatistics(sampleSnapshot({ 'metadata-1': 'DOWN' }).topology)).toMatchObject({ full: 0, lost: 4 });
  });

  const partitions = [samplePartition(0, [1, 2, 3]), samplePartition(1, [3, 2], [3, 2, 4])];
  it.each([
    ['full while all are there', {}, { full: 1, atQuorum: 1, belowQuorum: 0, lost: 0 }],
    ['below with one of two in sync left', { 'metadata-2': 'DOWN' }, { full: 0, atQuorum: 1, belowQuorum: 1 }],
    ['lost without a primary', { 'metadata-3': 'DOWN' }, { full: 0, atQuorum: 1, belowQuorum: 0, lost: 1 }],
  ] as const)('needs two in-sync replicas where there have been as many: %s', (_title, states, expected) => {
    expect(partitionStatistics(partitionTopology(partitions, states))).toMatchObject({ total: 2, ...expected });
  });
});

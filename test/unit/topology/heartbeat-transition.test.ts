import { describe, expect, it } from 'vitest';
import { heartbeatTransition } from '../../../src/topology/heartbeat-transition.ts';
import type { NodeState, ReportedState } from '../../../src/topology/topology.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register } from './sample-cluster.ts';

describe('heartbeatTransition', () => {
  it.each<[ReportedState, NodeState, NodeState | undefined]>([
    ['READY', 'JOINING', 'ACTIVE'],
    ['READY', 'ACTIVE', undefined],
    ['READY', 'SUSPECT', 'ACTIVE'],
    ['READY', 'DOWN', 'ACTIVE'],
    ['READY', 'DRAINING', undefined],
    ['STOPPING', 'ACTIVE', 'SUSPECT'],
    ['STOPPING', 'JOINING', undefined],
    ['STOPPING', 'SUSPECT', undefined],
    ['STOPPING', 'DOWN', undefined],
    ['STARTING', 'JOINING', undefined],
    ['STARTING', 'ACTIVE', undefined],
    ['STARTING', 'DOWN', undefined],
  ])('turns %s of a node that is %s into %s', (reported, state, expected) => {
    const topology = applied(emptyCluster(), register());
    const node = { ...nodeOf(topology, 'object-1'), state };
    expect(heartbeatTransition(topology, node, reported)?.state).toBe(expected);
  });

  it('leaves a ready node JOINING while it waits for the ring', () => {
    const topology = applied(formedCluster(), register({ id: 'late' }));
    expect(heartbeatTransition(topology, nodeOf(topology, 'late'), 'READY')).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { heartbeatTransition } from '../../../src/topology/heartbeat-transition.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { NodeIntent, NodeState, ReportedState } from '../../../src/topology/topology.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

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

  it.each<[NodeState, NodeState | undefined]>([
    ['JOINING', 'DRAINING'],
    ['DOWN', 'DRAINING'],
    ['DRAINING', undefined],
  ])('brings a node with intent DRAIN that was %s back to its drain, never to full duty', (state, expected) => {
    const topology = applied(emptyCluster(), register());
    const node = { ...nodeOf(topology, 'object-1'), state, intent: 'DRAIN' as const };
    expect(heartbeatTransition(topology, node, 'READY')?.state).toBe(expected);
    expect(heartbeatTransition(topology, node, 'STOPPING')).toBeUndefined();
  });

  const states: readonly NodeState[] = ['JOINING', 'ACTIVE', 'SUSPECT', 'DRAINING', 'DOWN'];
  const intents: readonly NodeIntent[] = ['SERVE', 'DRAIN'];
  const cases = intents.flatMap((intent) => states.map((state) => [intent, state] as const));
  it.each(cases)('asks for nothing that the reducer refuses to a node with intent %s that is %s', (intent, state) => {
    const registered = applied(emptyCluster(), register());
    const node = { ...nodeOf(registered, 'object-1'), state, intent };
    const topology = { ...registered, nodes: new Map([[node.id, node]]) };
    for (const reported of ['STARTING', 'READY', 'STOPPING'] as const) {
      const wanted = heartbeatTransition(topology, node, reported)?.state;
      if (wanted === undefined) continue;
      expect(nodeOf(reduce(topology, setState('object-1', wanted), 1n).topology, 'object-1').state).toBe(wanted);
    }
  });

  it('leaves a ready node JOINING while it waits for the ring', () => {
    const topology = applied(formedCluster(), register({ id: 'late' }));
    expect(heartbeatTransition(topology, nodeOf(topology, 'late'), 'READY')).toBeUndefined();
  });

  it.each(['SUSPECT', 'DOWN'] as const)(
    'makes a node JOINING that was %s while the ring was formed without it',
    (state) => {
      const joined = applied(formedCluster(), register({ id: 'late' }));
      const node = { ...nodeOf(joined, 'late'), state };
      const topology = { ...joined, nodes: new Map([...joined.nodes, [node.id, node]]) };
      expect(heartbeatTransition(topology, node, 'READY')?.state).toBe('JOINING');
      expect(nodeOf(applied(topology, setState('late', 'JOINING')), 'late').state).toBe('JOINING');
      expect(applied(topology, setState('late', 'ACTIVE'))).toBe(topology);
    },
  );

  it('asks a node that has its place for no other state than ACTIVE', () => {
    const formed = formedCluster();
    const suspect = applied(formed, setState('object-1', 'SUSPECT'));
    expect(applied(suspect, setState('object-1', 'JOINING'))).toBe(suspect);
  });
});

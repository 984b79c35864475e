import { describe, expect, it } from 'vitest';
import { originsOf, readyState } from '../../../src/topology/node-transitions.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { applied, emptyCluster, nodeOf, register } from './sample-cluster.ts';

describe('originsOf', () => {
  it.each<[NodeState, readonly NodeState[], readonly NodeState[]]>([
    ['ACTIVE', ['JOINING', 'SUSPECT', 'DOWN'], []],
    ['SUSPECT', ['ACTIVE'], ['ACTIVE']],
    ['DOWN', ['SUSPECT', 'DRAINING'], ['SUSPECT', 'DRAINING']],
    ['JOINING', ['SUSPECT', 'DOWN'], []],
    ['DRAINING', [], ['JOINING', 'SUSPECT', 'DOWN']],
  ])(
    'draws the arrows of the contract that end in %s, for a node that serves and for one that is drained',
    (state, serving, drained) => {
      expect(originsOf(state, 'SERVE')).toEqual(serving);
      expect(originsOf(state, 'DRAIN')).toEqual(drained);
    },
  );
});

describe('readyState', () => {
  it('is the drain for a node that shall not serve', () => {
    const topology = applied(emptyCluster(), register({ id: 'f', roles: ['frontend'] }));
    const node = nodeOf(topology, 'f');
    expect(readyState(topology, node)).toBe('ACTIVE');
    expect(readyState(topology, { ...node, intent: 'DRAIN' })).toBe('DRAINING');
  });
});

import { describe, expect, it } from 'vitest';
import { originsOf } from '../../../src/topology/node-transitions.ts';
import type { NodeState } from '../../../src/topology/topology.ts';

describe('originsOf', () => {
  it.each<[NodeState, readonly NodeState[]]>([
    ['ACTIVE', ['JOINING', 'SUSPECT', 'DOWN']],
    ['SUSPECT', ['ACTIVE']],
    ['DOWN', ['SUSPECT', 'DRAINING']],
    ['JOINING', []],
    ['DRAINING', []],
  ])('draws the arrows of the contract that end in %s', (state, expected) => {
    expect(originsOf(state)).toEqual(expected);
  });
});

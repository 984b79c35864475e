import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { isDown, leftOut, placementIn, placementOf, stateRank } from '../../../src/replication/placement.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';

const oid = oidOf(Buffer.from('x'));

describe('the placement of a blob', () => {
  it('depends on membership, not on states or the order of nodes (predecessor M4)', () => {
    const expected = placementOf(topologyOf(ringOf(healthy)), oid).nodeIds;
    const shuffled = { o3: 'DOWN', o1: 'SUSPECT', o2: 'ACTIVE' } as const;
    expect(placementOf(topologyOf(ringOf(shuffled)), oid).nodeIds).toEqual(expected);
    expect(new Set(expected).size).toBe(3);
  });

  it('is not known without a topology', () => {
    expect(() => placementOf(topologyOf(undefined), oid)).toThrow(expect.objectContaining({ code: 'NOT_READY' }));
  });

  it('is the same list for blobs of the same nodes in the same order', () => {
    const topology = ringOf(healthy);
    const lists = new Set(
      Array.from({ length: 500 }, (_, index) => placementIn(topology, oidOf(Buffer.from(`${index}`))).nodeIds),
    );
    expect(lists.size).toBeLessThanOrEqual(3 * topology.ring.virtualNodes);
  });

  it.each<[string, Readonly<Record<string, NodeState>>, number, object]>([
    ['nobody of nodes that are well', { o1: 'ACTIVE', o2: 'SUSPECT', o3: 'DRAINING' }, 2, {}],
    ['a node that is DOWN while the others suffice', { ...healthy, o2: 'DOWN' }, 2, { o2: 'is DOWN' }],
    ['no node that is DOWN and needed', { ...healthy, o2: 'DOWN' }, 3, {}],
    ['a node that is JOINING, needed or not', { ...healthy, o2: 'JOINING' }, 3, { o2: 'is JOINING' }],
    [
      'no node that is DOWN and needed beside one that is JOINING',
      { o1: 'ACTIVE', o2: 'JOINING', o3: 'DOWN' },
      2,
      { o2: 'is JOINING' },
    ],
  ])('has a write leave out %s', (_, states, required, expected) => {
    expect(Object.fromEntries(leftOut(placementIn(ringOf(states), oid), required))).toEqual(expected);
  });

  it('ranks good nodes before doubtful ones and unknown ones last', () => {
    const topology = ringOf({ o1: 'ACTIVE', o2: 'SUSPECT', o3: 'DOWN' });
    const ranks = ['o1', 'o2', 'o3', 'stranger'].map((id) => stateRank(topology, id));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(isDown(topology, 'o3')).toBe(true);
    expect(isDown(topology, 'o2')).toBe(false);
  });
});

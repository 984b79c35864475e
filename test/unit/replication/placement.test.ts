import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { isDown, placementOf, stateRank } from '../../../src/replication/placement.ts';
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

  it('ranks good nodes before doubtful ones and unknown ones last', () => {
    const topology = ringOf({ o1: 'ACTIVE', o2: 'SUSPECT', o3: 'DOWN' });
    const ranks = ['o1', 'o2', 'o3', 'stranger'].map((id) => stateRank(topology, id));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(isDown(topology, 'o3')).toBe(true);
    expect(isDown(topology, 'o2')).toBe(false);
  });
});

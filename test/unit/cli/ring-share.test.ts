import { describe, expect, it } from 'vitest';
import { ringShare } from '../../../src/cli/ring-share.ts';
import type { Ring } from '../../../src/topology/topology.ts';

const ringOf = (members: Readonly<Record<string, number>>, replicationFactor: number): Ring => ({
  epoch: 1n,
  replicationFactor,
  writeQuorum: 1,
  virtualNodes: 64,
  nodes: Object.entries(members).map(([nodeId, weight]) => ({ nodeId, weight, zone: '' })),
});

describe('the share of the ring', () => {
  it.each([1, 2, 3])('adds up to all blobs, and to %i copies of them', (copies) => {
    const members = { a: 100, b: 100, c: 200, d: 100 };
    const shares = Object.keys(members).map((id) => ringShare(ringOf(members, copies), id));
    const sum = (of: 'primary' | 'replica') => shares.reduce((total, share) => total + (share?.[of] ?? 0), 0);
    expect(sum('primary')).toBeCloseTo(1, 9);
    expect(sum('replica')).toBeCloseTo(copies, 9);
  });

  it('follows the weight', () => {
    const ring = ringOf({ a: 100, b: 400 }, 1);
    expect(ringShare(ring, 'b')?.primary).toBeGreaterThan(ringShare(ring, 'a')?.primary ?? 1);
  });

  it('is all of it for a single node, and nothing for one that is no member', () => {
    expect(ringShare(ringOf({ a: 100 }, 3), 'a')).toEqual({ primary: 1, replica: 1 });
    expect(ringShare(ringOf({ a: 100 }, 3), 'b')).toBeUndefined();
  });
});

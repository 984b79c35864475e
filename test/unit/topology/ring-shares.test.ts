import { describe, expect, it } from 'vitest';
import { ringShares } from '../../../src/topology/ring-shares.ts';
import type { Ring } from '../../../src/topology/topology.ts';

const ringOf = (members: Readonly<Record<string, number>>, replicationFactor: number, virtualNodes = 64): Ring => ({
  epoch: 1n,
  replicationFactor,
  writeQuorum: 1,
  virtualNodes,
  nodes: Object.entries(members).map(([nodeId, weight]) => ({ nodeId, weight, zone: '' })),
});

describe('the shares of the ring', () => {
  it.each([1, 2, 3])('add up to all blobs, and to %i copies of them', (copies) => {
    const shares = [...ringShares(ringOf({ a: 100, b: 100, c: 200, d: 100 }, copies)).values()];
    const sum = (of: 'primary' | 'replica') => shares.reduce((total, share) => total + share[of], 0);
    expect(sum('primary')).toBeCloseTo(1, 9);
    expect(sum('replica')).toBeCloseTo(copies, 9);
  });

  it('follow the weight', () => {
    const shares = ringShares(ringOf({ a: 100, b: 400 }, 1));
    expect(shares.get('b')?.primary).toBeGreaterThan(shares.get('a')?.primary ?? 1);
  });

  it('are all of it for a single node, nothing without members, and counted once for each ring', () => {
    const one = ringOf({ a: 100 }, 3);
    expect([...ringShares(one)]).toEqual([['a', { primary: 1, replica: 1 }]]);
    expect(ringShares(one)).toBe(ringShares(one));
    expect([...ringShares(ringOf({}, 3))]).toEqual([]);
  });

  it('of a hundred nodes with 512 virtual nodes each are at most a tenth above the mean', () => {
    const members = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`object-${index + 1}`, 100]));
    const shares = [...ringShares(ringOf(members, 3, 512)).values()].map(({ replica }) => replica);
    expect(Math.max(...shares) / (3 / 100)).toBeLessThanOrEqual(1.1);
  });
});

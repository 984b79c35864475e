import { describe, expect, it } from 'vitest';
import { ringBalance } from '../../../src/topology/ring-balance.ts';
import type { Ring } from '../../../src/topology/topology.ts';

const ringOf = (weights: readonly number[], replicationFactor = 3): Ring => ({
  epoch: 1n,
  replicationFactor,
  writeQuorum: 1,
  virtualNodes: 64,
  nodes: weights.map((weight, index) => ({ nodeId: `n${index}`, weight, zone: '' })),
});

describe('the balance of a ring', () => {
  it.each([
    [
      [100, 100, 100, 100],
      [0.75, 0.75, 0.75, 0.75],
    ],
    [
      [100, 100],
      [1, 1],
    ],
    [[100], [1]],
    // Who would have 1.5 copies of each blob has one, and the others share the other two.
    [
      [300, 100, 100, 100],
      [1, 2 / 3, 2 / 3, 2 / 3],
    ],
    [
      [900, 400, 100, 100],
      [1, 1, 0.5, 0.5],
    ],
  ])('asks of weights %j for shares %j', (weights, shares) => {
    const { members } = ringBalance(ringOf(weights));
    for (const [index, share] of shares.entries()) expect(members[index]?.idealShare).toBeCloseTo(share, 9);
    expect(members.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(Math.min(3, weights.length), 9);
  });

  it('is perfect where every node has every blob, and without members', () => {
    const { maxOverMean, standardDeviation } = ringBalance(ringOf([100, 100, 100]));
    expect(maxOverMean).toBeCloseTo(1, 9);
    expect(standardDeviation).toBeCloseTo(0, 9);
    expect(ringBalance(ringOf([]))).toEqual({ members: [], maxOverMean: 1, standardDeviation: 0 });
  });

  it('is told by the most loaded and by all', () => {
    const { members, maxOverMean, standardDeviation } = ringBalance(ringOf(Array.from({ length: 12 }, () => 100)));
    expect(maxOverMean).toBe(Math.max(...members.map(({ ratio }) => ratio)));
    const squares = members.reduce((sum, { ratio }) => sum + (ratio - 1) ** 2, 0);
    expect(standardDeviation).toBeCloseTo(Math.sqrt(squares / 12), 9);
  });
});

import { describe, expect, it } from 'vitest';
import { NodeLoads } from '../../../src/topology/node-loads.ts';

describe('the loads of nodes', () => {
  it.each<[string, number, number, Readonly<Record<string, number>>, Readonly<Record<string, number>>]>([
    ['alike', 12, 12, { a: 100, b: 100, c: 100 }, { a: 4, b: 4, c: 4 }],
    ['by weight', 12, 12, { a: 100, b: 200, c: 300 }, { a: 2, b: 4, c: 6 }],
    ['and none has more than it can', 12, 5, { a: 100, b: 100, c: 1_000 }, { a: 3.5, b: 3.5, c: 5 }],
    ['and what nobody can have is nobody’s', 12, 3, { a: 100, b: 100 }, { a: 3, b: 3 }],
    ['and nobody has anything of nothing', 0, 5, { a: 100 }, { a: 0 }],
  ])('are shared out %s', (_, total, each, weights, shares) => {
    const loads = new NodeLoads(
      total,
      each,
      Object.entries(weights).map(([id, weight]) => ({ id, weight })),
    );
    for (const [id, share] of Object.entries(shares)) expect(loads.excess(id)).toBeCloseTo(-share);
  });

  it('count what comes and goes; all that a node without a share has is too much', () => {
    const loads = new NodeLoads(4, 4, [{ id: 'a', weight: 1 }]);
    loads.add('a');
    loads.add('a');
    loads.add('a', -1);
    loads.add('gone');
    expect([loads.count('a'), loads.excess('a')]).toEqual([1, -3]);
    expect([loads.count('gone'), loads.excess('gone'), loads.excess('nobody')]).toEqual([1, 1, 0]);
  });
});

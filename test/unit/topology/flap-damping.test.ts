import { describe, expect, it } from 'vitest';
import { recentSuspicions, timeoutsOf } from '../../../src/topology/flap-damping.ts';
import { sampleSettings } from './sample-cluster.ts';

const minuteMs = 60_000;

describe('timeoutsOf', () => {
  it.each<[string, readonly number[], number, { flapCount: number; factor: number }]>([
    ['a node that was never suspected', [], 0, { flapCount: 0, factor: 1 }],
    ['two suspicions', [1, 2], 2, { flapCount: 2, factor: 1 }],
    ['three suspicions', [1, 2, 3], 3, { flapCount: 3, factor: 2 }],
    ['ten suspicions, which do not add up further', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10, { flapCount: 10, factor: 2 }],
    ['three within just ten minutes', [0, 1, 2], 10 * minuteMs, { flapCount: 3, factor: 2 }],
    ['three of which one is older', [0, 1, 2], 10 * minuteMs + 1, { flapCount: 2, factor: 1 }],
    ['suspicions long ago', [0, 1, 2], 60 * minuteMs, { flapCount: 0, factor: 1 }],
    ['times before the clock began', [-minuteMs, -2, -1], 0, { flapCount: 3, factor: 2 }],
  ])('for %s', (_, suspicionsMs, nowMs, { flapCount, factor }) => {
    expect(timeoutsOf(sampleSettings(), suspicionsMs, nowMs)).toEqual({
      suspectTimeoutMs: 3_000 * factor,
      downTimeoutMs: 6_000 * factor,
      flapCount,
    });
  });
});

describe('recentSuspicions', () => {
  it('copies nothing while nothing is old', () => {
    const suspicionsMs = [1, 2];
    expect(recentSuspicions(suspicionsMs, 5)).toBe(suspicionsMs);
    expect(recentSuspicions(suspicionsMs, 10 * minuteMs + 2)).toEqual([2]);
  });
});

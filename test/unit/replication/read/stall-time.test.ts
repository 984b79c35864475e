import { describe, expect, it } from 'vitest';
import { stallTimeMs } from '../../../../src/replication/read/stall-time.ts';

describe('the time that a replica may take', () => {
  it.each([
    ['the stall time-out, where there is time for all', 3_600_000, 2, 10_000],
    ['its share of what is left', 2_000, 2, 2_000 / 3],
    ['all that is left, for the last', 900, 0, 900],
    ['no less than 100 ms', 150, 2, 100],
    ['no more than is left', 60, 2, 60],
  ])('is %s', (_, leftMs, othersLeft, expectedMs) => {
    expect(stallTimeMs(leftMs, othersLeft, 10_000)).toBeCloseTo(expectedMs);
  });
});

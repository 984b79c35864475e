import { describe, expect, it } from 'vitest';
import { type GapReason, strongerReason } from '../../../src/replication/replica-gaps.ts';

describe('the reason of a gap that was learned of in two ways', () => {
  it.each<[GapReason, GapReason, GapReason]>([
    ['MISSING', 'MISSED_WRITE', 'MISSED_WRITE'],
    ['MISSED_WRITE', 'CORRUPT', 'CORRUPT'],
    ['MISSING', 'CORRUPT', 'CORRUPT'],
    ['MISSING', 'MISSING', 'MISSING'],
  ])('is of %s and %s that one which asks more of the copy: %s', (one, other, both) => {
    expect([strongerReason(one, other), strongerReason(other, one)]).toEqual([both, both]);
  });
});

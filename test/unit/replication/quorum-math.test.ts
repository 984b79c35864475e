import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requiredCopies, requiredDenials } from '../../../src/replication/quorum-math.ts';
import { healthy, ringOf } from './sample-ring.ts';

const ring = (replicationFactor: number, writeQuorum: number) => ({
  ...ringOf(healthy).ring,
  replicationFactor,
  writeQuorum,
});

describe('the arithmetic of quorums', () => {
  it.each([
    ['ONE', 3, 2, 1, 2],
    ['QUORUM', 3, 2, 2, 2],
    ['ALL', 3, 2, 3, 3],
    ['QUORUM', 5, 3, 3, 3],
    ['QUORUM', 1, 1, 1, 1],
    ['QUORUM', 3, 3, 3, 1],
  ] as const)('%s with N=%i and W=%i takes %i writes and %i denials', (level, n, w, writes, denials) => {
    expect(requiredCopies(level, ring(n, w))).toBe(writes);
    expect(requiredDenials(level, ring(n, w))).toBe(denials);
  });

  it('asks for one copy at least, whatever the ring says', () => {
    for (const level of ['ONE', 'QUORUM'] as const) expect(requiredCopies(level, ring(3, 0))).toBe(1);
  });

  it('never lets enough nodes deny a blob that W nodes hold', () => {
    const sizes = fc
      .integer({ min: 1, max: 16 })
      .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n })));
    fc.assert(
      fc.property(sizes, ([n, w]) => {
        const withoutIt = n - w;
        expect(requiredDenials('QUORUM', ring(n, w))).toBeGreaterThan(withoutIt);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WriteTally } from '../../../../src/replication/write/write-tally.ts';

describe('WriteTally', () => {
  it('has attempted = succeeded + failed after every single write (predecessor M1)', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (outcomes) => {
        const tally = new WriteTally();
        for (const outcome of outcomes) {
          tally.record(outcome);
          expect(tally.attempted).toBe(tally.succeeded + tally.failed);
        }
        expect(tally.succeeded).toBe(outcomes.filter(Boolean).length);
        expect(tally.attempted).toBe(outcomes.length);
      }),
    );
  });
});

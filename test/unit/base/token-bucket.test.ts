import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../../src/base/token-bucket.ts';
import { manualClock } from './manual-clock.ts';

function take(bucket: TokenBucket, times: number): number {
  return Array.from({ length: times }, () => bucket.take()).filter((waitMs) => waitMs === 0).length;
}

describe('TokenBucket', () => {
  it('lets a burst through, then tells how long until the next', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 5 }, { clock: manualClock() });
    expect(take(bucket, 6)).toBe(5);
    expect(bucket.take()).toBe(100);
  });

  it('has a token again exactly when it said, and not before', () => {
    const clock = manualClock();
    const bucket = new TokenBucket({ ratePerSecond: 3, burst: 1 }, { clock });
    bucket.take();
    const waitMs = bucket.take();
    clock.advance(waitMs - 1);
    expect(bucket.take()).toBeGreaterThan(0);
    clock.advance(1);
    expect(bucket.take()).toBe(0);
  });

  it('is never fuller than its burst, however long it was quiet', () => {
    const clock = manualClock();
    const bucket = new TokenBucket({ ratePerSecond: 1_000, burst: 2 }, { clock });
    clock.advance(1_000_000);
    expect(take(bucket, 10)).toBe(2);
  });

  it('never lets more through than burst and rate allow, whatever the pace', () => {
    const pace = fc.array(fc.record({ pauseMs: fc.nat(500), calls: fc.nat(20) }), { maxLength: 50 });
    const limit = fc.record({
      ratePerSecond: fc.integer({ min: 1, max: 100 }),
      burst: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(limit, pace, (options, steps) => {
        const clock = manualClock();
        const bucket = new TokenBucket(options, { clock });
        let passed = 0;
        for (const { pauseMs, calls } of steps) {
          clock.advance(pauseMs);
          passed += take(bucket, calls);
        }
        const allowed = options.burst + (clock.monotonicMs() * options.ratePerSecond) / 1000;
        expect(passed).toBeLessThanOrEqual(allowed + 1e-6);
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { timingsOf } from '../../../../../src/node/metadata/replication/replication-timings.ts';

describe.each([1_000, 3_000, 10_000])('the timings of a lease of %d ms', (leaseMs) => {
  const timings = timingsOf(leaseMs);

  it('trust a lease for nine tenths and wait for eleven, so that clocks may run apart by a tenth each way', () => {
    expect([timings.leaseMs, timings.leaseWaitMs]).toEqual([leaseMs * 0.9, leaseMs * 1.1]);
  });

  it('beacon several times in a lease, report silence only after it, and remove a laggard later still', () => {
    expect(timings.tickMs).toBe(leaseMs / 5);
    expect(timings.silenceMs).toBe(leaseMs * 1.2);
    expect(timings.laggardMs).toBe(leaseMs * 1.5);
    expect(timings.unwellLaggardMs).toBeLessThan(timings.laggardMs);
    expect(timings.appendTimeoutMs).toBeGreaterThanOrEqual(leaseMs);
  });
});

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/base/errors.ts';
import { defaultRateLimits, type RateLimitOptions, RateLimits } from '../../../../src/node/coordinator/rate-limits.ts';
import { Metrics } from '../../../../src/telemetry/metrics.ts';
import { manualClock } from '../../base/manual-clock.ts';

const few: RateLimitOptions = {
  writes: { all: { ratePerSecond: 10, burst: 5 }, client: { ratePerSecond: 10, burst: 3 } },
  watchStarts: { all: { ratePerSecond: 10, burst: 50 }, client: { ratePerSecond: 10, burst: 30 } },
  heartbeats: { ratePerSecond: 10, burst: 2 },
  watchesMax: { all: 4, client: 3 },
};

function sample(options = few) {
  const clock = manualClock();
  const metrics = new Metrics();
  return { limits: new RateLimits(options, { clock, metrics }), clock, metrics };
}

/** 'ok', or how long the refusal asks to wait. */
function outcome(work: () => unknown): unknown {
  try {
    work();
    return 'ok';
  } catch (error) {
    if (hasCode(error, 'RATE_LIMITED')) return error.details.retryAfterMs;
    throw error;
  }
}

function repeat(times: number, work: () => unknown): readonly unknown[] {
  return Array.from({ length: times }, () => outcome(work));
}

describe('RateLimits', () => {
  it('holds each client to its own writes, and says when to come back', () => {
    const { limits, clock } = sample();
    expect(repeat(4, () => limits.admitWrite('10.0.0.1'))).toEqual(['ok', 'ok', 'ok', 100]);
    expect(outcome(() => limits.admitWrite('10.0.0.2'))).toBe('ok');
    clock.advance(100);
    expect(outcome(() => limits.admitWrite('10.0.0.1'))).toBe('ok');
  });

  it('holds all clients together to the writes of the cluster', () => {
    const { limits } = sample();
    const clients = Array.from({ length: 6 }, (_, index) => `10.0.0.${index}`);
    expect(clients.map((client) => outcome(() => limits.admitWrite(client)))).toEqual([...Array(5).fill('ok'), 100]);
  });

  it('takes nothing from the others for a client that is over its own limit', () => {
    const { limits } = sample();
    repeat(100, () => limits.admitWrite('10.0.0.1'));
    expect(repeat(2, () => limits.admitWrite('10.0.0.2'))).toEqual(['ok', 'ok']);
  });

  it('holds each node to its heartbeats', () => {
    const { limits } = sample();
    expect(repeat(3, () => limits.admitHeartbeat('object-1'))).toEqual(['ok', 'ok', 100]);
    expect(outcome(() => limits.admitHeartbeat('object-2'))).toBe('ok');
  });

  it('bounds the watches that are open, for each client and in all, until one ends', () => {
    const { limits } = sample();
    const [close] = Array.from({ length: 3 }, () => limits.openWatch('a'));
    expect(outcome(() => limits.openWatch('a'))).toBe(5_000);
    expect(outcome(() => limits.openWatch('b'))).toBe('ok');
    expect(outcome(() => limits.openWatch('b'))).toBe(5_000);
    expect(limits.watches).toBe(4);
    close?.();
    expect(outcome(() => limits.openWatch('a'))).toBe('ok');
  });

  it('bounds the begins of watches, also of those that end at once', () => {
    const { limits } = sample();
    const outcomes = repeat(31, () => limits.openWatch('a')());
    expect(outcomes.slice(0, 30)).toEqual(Array(30).fill('ok'));
    expect(outcomes[30]).toBe(100);
    expect(limits.watches).toBe(0);
  });

  it('counts what it refuses by the limit that did', async () => {
    const { limits, metrics } = sample();
    repeat(5, () => limits.admitWrite('a'));
    repeat(3, () => limits.admitHeartbeat('n'));
    const text = await metrics.render();
    expect(text).toContain('stratum_requests_rejected_total{reason="client_writes"} 2');
    expect(text).toContain('stratum_requests_rejected_total{reason="heartbeats"} 1');
  });

  it('lets a thousand nodes of ten machines restart together', () => {
    const { limits } = sample(defaultRateLimits);
    for (let node = 0; node < 1_000; node += 1) {
      const machine = `10.0.0.${node % 10}`;
      expect(outcome(() => limits.admitWrite(machine))).toBe('ok');
      expect(outcome(() => limits.openWatch(machine))).toBe('ok');
    }
  });

  it('lets them restart twice from one machine', () => {
    const { limits } = sample(defaultRateLimits);
    expect(repeat(2_000, () => limits.admitWrite('127.0.0.1'))).toEqual(Array(2_000).fill('ok'));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeLatencies } from '../../../src/replication/node-latency.ts';
import { manualClock } from '../base/manual-clock.ts';

function latenciesOf(durationsMs: readonly number[], kind: 'put' | 'get' = 'put') {
  const clock = manualClock();
  const latencies = new NodeLatencies({ clock });
  for (const durationMs of durationsMs) latencies.record('o1', kind, durationMs);
  return { latencies, clock };
}
const oneToHundred = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) + 1);

describe('NodeLatencies', () => {
  it.each([
    [0, 1],
    [0.5, 50],
    [0.95, 95],
    [0.99, 99],
    [1, 100],
  ])('gives the %d-quantile of 1 to 100 ms as %d ms', (q, expectedMs) => {
    expect(latenciesOf(oneToHundred).latencies.quantileMs('o1', 'put', q)).toBe(expectedMs);
  });

  it('says nothing of a node that was called seven times, and does of one with eight', () => {
    const { latencies } = latenciesOf([1, 1, 1, 1, 1, 1, 1]);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBeUndefined();
    latencies.record('o1', 'put', 1);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBe(1);
  });

  it('keeps nodes and kinds of call apart', () => {
    const { latencies } = latenciesOf(oneToHundred, 'get');
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBeUndefined();
    expect(latencies.quantileMs('o2', 'get', 0.5)).toBeUndefined();
  });

  it('forgets what is older than a minute', () => {
    const { latencies, clock } = latenciesOf(oneToHundred);
    clock.advance(60_000);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBe(50);
    for (let call = 0; call < 8; call += 1) latencies.record('o1', 'put', 7);
    clock.advance(1);
    expect(latencies.quantileMs('o1', 'put', 1)).toBe(7);
    clock.advance(60_000);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBeUndefined();
  });

  it.each([-1, Number.NaN])('does not remember a duration of %d ms', (durationMs) => {
    const { latencies } = latenciesOf(oneToHundred);
    latencies.record('o1', 'put', durationMs);
    expect(latencies.quantileMs('o1', 'put', 0)).toBe(1);
  });

  it('remembers at most 1,024 nodes, and forgets the longest without a call', () => {
    const { latencies } = latenciesOf(oneToHundred);
    for (let index = 0; index < 1023; index += 1) latencies.record(`other-${index}`, 'get', 1);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBe(50);
    latencies.record('one more', 'get', 1);
    expect(latencies.quantileMs('o1', 'put', 0.5)).toBeUndefined();
  });

  it('always agrees with sorting the last 128 durations', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 8, maxLength: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (durationsMs, q) => {
          const last = durationsMs.slice(-128).sort((a, b) => a - b);
          const expectedMs = last[Math.max(0, Math.ceil(q * last.length) - 1)];
          expect(latenciesOf(durationsMs).latencies.quantileMs('o1', 'put', q)).toBe(expectedMs);
        },
      ),
    );
  });
});

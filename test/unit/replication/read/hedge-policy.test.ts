import { describe, expect, it } from 'vitest';
import { NodeLatencies } from '../../../../src/replication/node-latency.ts';
import { HedgePolicy } from '../../../../src/replication/read/hedge-policy.ts';
import { manualClock } from '../../base/manual-clock.ts';

function sample(samplesMs: readonly number[] = []) {
  const latencies = new NodeLatencies({ clock: manualClock() });
  for (const durationMs of samplesMs) latencies.record('o1', 'get', durationMs);
  return { policy: new HedgePolicy({ latencies }), latencies };
}
const tens = Array<number>(8).fill(100);

describe('when a read is hedged', () => {
  it('is not more often than ten times at once, and then once in ten reads', () => {
    const { policy } = sample();
    for (let hedge = 0; hedge < 10; hedge += 1) expect(policy.tryHedge()).toBe(true);
    expect(policy.tryHedge()).toBe(false);
    for (let read = 0; read < 9; read += 1) policy.countRead();
    expect(policy.tryHedge()).toBe(false);
    policy.countRead();
    expect(policy.tryHedge()).toBe(true);
    for (let read = 0; read < 10_000; read += 1) policy.countRead();
    for (let hedge = 0; hedge < 10; hedge += 1) expect(policy.tryHedge()).toBe(true);
    expect(policy.tryHedge()).toBe(false);
  });

  it.each([
    ['one that ended well counts however fast', 1, 'WELL', 1],
    ['one that was overtaken in good time says nothing', 50, 'OVERTAKEN', 100],
    ['one that was overtaken when it was late counts', 300, 'OVERTAKEN', 300],
  ] as const)('depends on earlier reads: %s', (_, elapsedMs, ended, expectedMs) => {
    const { policy, latencies } = sample(tens);
    for (let read = 0; read < 120; read += 1) policy.record('o1', elapsedMs, ended);
    expect(latencies.quantileMs('o1', 'get', 0.5)).toBe(expectedMs);
    expect(policy.delayMs('o1')).toBe(Math.max(100, expectedMs));
  });
});

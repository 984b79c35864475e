import { describe, expect, it } from 'vitest';
import { HeartbeatTable } from '../../../../src/node/coordinator/heartbeat-table.ts';
import type { ReportedState } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { sampleSettings } from '../../topology/sample-cluster.ts';

function sampleTable() {
  const clock = manualClock();
  const table = new HeartbeatTable({ clock });
  const hear = (generationId: bigint, reportedState: ReportedState = 'READY') =>
    table.heard({ nodeId: 'n', generationId, reportedState, knownVersion: 3n, stats: undefined });
  return { clock, table, hear };
}

describe('HeartbeatTable', () => {
  it('counts the age from the last heartbeat or registration, and from its own begin before any', () => {
    const { clock, table, hear } = sampleTable();
    clock.advance(50);
    expect(table.ageMs('n')).toBe(50);
    table.registered('n', 1n);
    clock.advance(10);
    expect(table.ageMs('n')).toBe(10);
    hear(1n);
    expect(table.ageMs('n')).toBe(0);
  });

  it('begins afresh with a new generation, and ignores an older one’s registration', () => {
    const { clock, table, hear } = sampleTable();
    hear(1n);
    clock.advance(10);
    table.registered('n', 2n);
    expect(table.entries.get('n')).toMatchObject({ generationId: 2n, firstSeenMs: 10, reportedState: 'STARTING' });
    table.registered('n', 1n);
    expect(table.entries.get('n')?.generationId).toBe(2n);
  });

  it('keeps what a node said when it registers the same generation again', () => {
    const { clock, table, hear } = sampleTable();
    hear(1n);
    clock.advance(10);
    table.registered('n', 1n);
    expect(table.entries.get('n')).toMatchObject({ firstSeenMs: 0, lastSeenMs: 10, reportedState: 'READY' });
  });

  it('takes no READY from a process that has said STOPPING, and does from the next one', () => {
    const { hear } = sampleTable();
    hear(1n, 'STOPPING');
    expect(hear(1n, 'READY').reportedState).toBe('STOPPING');
    expect(hear(2n, 'READY').reportedState).toBe('READY');
  });

  it('counts suspicions of the last ten minutes, and gives a flapping node twice the time', () => {
    const { clock, table } = sampleTable();
    const settings = sampleSettings();
    table.suspected('n', 1n);
    clock.advance(9 * 60_000);
    table.suspected('n', 1n);
    expect(table.timeouts('n', settings)).toEqual({ flapCount: 2, suspectTimeoutMs: 3_000, downTimeoutMs: 6_000 });
    table.suspected('n', 1n);
    expect(table.timeouts('n', settings)).toEqual({ flapCount: 3, suspectTimeoutMs: 6_000, downTimeoutMs: 12_000 });
    clock.advance(60_001);
    expect(table.timeouts('n', settings)).toEqual({ flapCount: 2, suspectTimeoutMs: 3_000, downTimeoutMs: 6_000 });
    expect(table.timeouts('another', settings).flapCount).toBe(0);
  });

  it('keeps the suspicions of a node whose process crashes and comes back', () => {
    const { table, hear } = sampleTable();
    hear(1n);
    table.suspected('n', 1n);
    hear(2n);
    table.suspected('n', 2n);
    table.registered('n', 3n);
    expect(table.timeouts('n', sampleSettings()).flapCount).toBe(2);
  });

  it('takes a suspicion for no sign of life', () => {
    const { clock, table, hear } = sampleTable();
    clock.advance(10);
    hear(1n);
    clock.advance(20);
    table.suspected('n', 1n);
    table.suspected('never heard', 4n);
    expect([table.ageMs('n'), table.ageMs('never heard')]).toEqual([20, 30]);
    expect(table.entries.get('never heard')).toMatchObject({ generationId: 4n, lastSeenMs: 0, firstSeenMs: 0 });
  });

  it('counts no further than a bound, and keeps the latest', () => {
    const { clock, table } = sampleTable();
    for (let count = 0; count < 500; count += 1) {
      clock.advance(1);
      table.suspected('n', 1n);
    }
    const { suspicionsMs = [] } = table.entries.get('n') ?? {};
    expect([suspicionsMs.length, suspicionsMs[0], suspicionsMs.at(-1)]).toEqual([100, 401, 500]);
  });

  it('forgets a node that left, and everything with a new leadership', () => {
    const { clock, table, hear } = sampleTable();
    hear(1n);
    table.suspected('n', 1n);
    table.forget('n');
    expect([table.entries.size, table.timeouts('n', sampleSettings()).flapCount]).toEqual([0, 0]);
    hear(1n);
    clock.advance(30);
    table.restart();
    expect([table.entries.size, table.startedMs, table.ageMs('n')]).toEqual([0, 30, 0]);
  });
});

describe('a batch of heartbeats', () => {
  it('keeps generation, age and recent suspicions of every node', () => {
    const { clock, table, hear } = sampleTable();
    table.suspected('n', 1n);
    clock.advance(10 * 60_000);
    table.suspected('n', 1n);
    hear(1n);
    clock.advance(500);
    table.registered('m', 7n);
    expect(table.batch(clock.monotonicMs(), 9_000)).toEqual({
      atMs: 9_000,
      nodes: [
        { nodeId: 'n', generationId: 1n, ageMs: 500, suspicionAgesMs: [500] },
        { nodeId: 'm', generationId: 7n, ageMs: 0, suspicionAgesMs: [] },
      ],
    });
  });

  const kept = { nodeId: 'n', generationId: 5n, ageMs: 400, suspicionAgesMs: [9_000, 3_000, 1_000] };

  it.each<[string, number, number]>([
    ['made a while ago', 12_000, 2_400],
    ['made just now', 10_000, 400],
    ['made in the future, by a coordinator whose clock is ahead', 3_000, 400],
  ])('%s gives a new leader the ages for people to look at', (_, atMs, ageMs) => {
    const { clock, table } = sampleTable();
    clock.advance(50);
    table.restart();
    table.restore({ atMs: 10_000, nodes: [kept] }, clock.monotonicMs(), atMs);
    expect(table.ageMs('n')).toBe(ageMs);
    expect(table.entries.get('n')).toMatchObject({ generationId: 5n, reportedState: 'STARTING', firstSeenMs: 50 });
    expect(table.timeouts('n', sampleSettings())).toMatchObject({ flapCount: 3, suspectTimeoutMs: 6_000 });
  });

  it('gives no suspicion that is too old by now', () => {
    const { table } = sampleTable();
    table.restore({ atMs: 0, nodes: [kept] }, 0, 10 * 60_000 - 2_000);
    expect(table.timeouts('n', sampleSettings()).flapCount).toBe(1);
  });

  it('adds only suspicions to what this leader has heard itself', () => {
    const { clock, table } = sampleTable();
    clock.advance(100);
    table.heard({ nodeId: 'n', generationId: 6n, reportedState: 'READY', knownVersion: 3n, stats: undefined });
    table.suspected('n', 6n);
    const before = table.entries.get('n');
    clock.advance(10);
    table.restore({ atMs: 0, nodes: [kept] }, clock.monotonicMs(), 0);
    expect(table.entries.get('n')).toEqual({ ...before, suspicionsMs: [-8_890, -2_890, -890, 100] });
  });

  it('never gives an age from the future, and has bounds, whatever the store holds', () => {
    const { table } = sampleTable();
    const odd = { nodeId: 'odd', generationId: 1n, ageMs: -500, suspicionAgesMs: [-7, -9_000] };
    const many = { ...odd, nodeId: 'many', suspicionAgesMs: Array.from({ length: 5_000 }, (_, age) => age) };
    const crowd = Array.from({ length: 20_000 }, (_, at) => ({ ...odd, nodeId: `n${at}`, suspicionAgesMs: [] }));
    table.restore({ atMs: 0, nodes: [odd, many, ...crowd] }, 10_000, -1);
    expect(table.entries.get('odd')).toMatchObject({ lastSeenMs: 10_000, suspicionsMs: [10_000, 10_000] });
    const { suspicionsMs = [] } = table.entries.get('many') ?? {};
    expect([suspicionsMs.length, suspicionsMs.at(-1)]).toEqual([100, 10_000]);
    expect(table.entries.size).toBe(10_000);
  });

  it('comes back as it was from one leader to the next at the same moment', () => {
    const { clock, table, hear } = sampleTable();
    for (let count = 0; count < 4; count += 1) {
      hear(2n);
      clock.advance(1_000);
      table.suspected('n', 2n);
    }
    const batch = table.batch(clock.monotonicMs(), clock.nowMs());
    const next = sampleTable();
    next.clock.advance(77);
    next.table.restore(batch, next.clock.monotonicMs(), clock.nowMs());
    expect(next.table.batch(next.clock.monotonicMs(), clock.nowMs())).toEqual(batch);
  });

  it('keeps the silent primaries of the latest heartbeat, and tells of news alone', () => {
    const { table } = sampleTable();
    const say = (epochs: readonly bigint[], reportedState: ReportedState = 'READY') => {
      const silentPrimaries = epochs.map((epoch) => ({ partition: 4, epoch }));
      table.heard({
        nodeId: 'n',
        generationId: 1n,
        reportedState,
        knownVersion: 3n,
        stats: undefined,
        silentPrimaries,
      });
    };
    let news = 0;
    table.onNews(() => {
      news += 1;
    });
    const told = [
      [() => say([]), 1],
      [() => say([]), 1],
      [() => say([7n]), 2],
      [() => say([7n]), 2],
      [() => say([8n]), 3],
      [() => say([], 'STOPPING'), 4],
      [() => say([]), 4],
    ] as const;
    for (const [heartbeat, count] of told) {
      heartbeat();
      expect(news).toBe(count);
    }
    say([9n]);
    expect(table.entries.get('n')?.silentPrimaries).toEqual([{ partition: 4, epoch: 9n }]);
    // The next process has not said anything yet.
    table.registered('n', 2n);
    expect(table.entries.get('n')?.silentPrimaries).toEqual([]);
  });
});

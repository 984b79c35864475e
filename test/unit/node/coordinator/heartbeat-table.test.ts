import { describe, expect, it } from 'vitest';
import { HeartbeatTable } from '../../../../src/node/coordinator/heartbeat-table.ts';
import type { ReportedState } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';

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

  it('counts suspicions of the last ten minutes', () => {
    const { clock, table } = sampleTable();
    table.suspected('n');
    clock.advance(9 * 60_000);
    table.suspected('n');
    expect(table.flapCount('n')).toBe(2);
    clock.advance(60_001);
    expect(table.flapCount('n')).toBe(1);
  });

  it('counts no further than a bound', () => {
    const { table } = sampleTable();
    for (let count = 0; count < 500; count += 1) table.suspected('n');
    expect(table.flapCount('n')).toBe(100);
  });

  it('forgets a node that left, and everything with a new leadership', () => {
    const { clock, table, hear } = sampleTable();
    hear(1n);
    table.suspected('n');
    table.forget('n');
    expect([table.entries.size, table.flapCount('n')]).toEqual([0, 0]);
    hear(1n);
    clock.advance(30);
    table.restart();
    expect([table.entries.size, table.startedMs, table.ageMs('n')]).toEqual([0, 30, 0]);
  });
});

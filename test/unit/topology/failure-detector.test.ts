import { describe, expect, it } from 'vitest';
import { detectFailures, type HeartbeatRecord } from '../../../src/topology/failure-detector.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { applied, emptyCluster, formedCluster, register, setState } from './sample-cluster.ts';

const timings = { leaderGraceMs: 3_000, joiningTimeoutMs: 60_000 };

/** The detector's demands in short, for records by node id; suspect at 3 s, down at 6 s. */
function demands(
  topology: Topology,
  nowMs: number,
  records: Readonly<Record<string, Partial<HeartbeatRecord>>>,
  leaderSinceMs = 0,
): readonly string[] {
  const heartbeats = new Map(
    Object.entries(records).map(([id, record]) => [
      id,
      { generationId: 1n, firstSeenMs: 0, lastSeenMs: 0, reportedState: 'READY' as const, ...record },
    ]),
  );
  const commands = detectFailures({ nowMs, atMs: 77, leaderSinceMs, topology, heartbeats }, timings);
  return commands.map((command) =>
    command.kind === 'set-node-state' ? `${command.nodeId} ${command.state}` : `${command.kind}`,
  );
}

const single = applied(emptyCluster(), register(), setState('object-1', 'ACTIVE'));
const suspect = applied(single, setState('object-1', 'SUSPECT'));
const down = applied(suspect, setState('object-1', 'DOWN'));
const joining = applied(emptyCluster(), register());

describe('detectFailures', () => {
  it.each<[string, Topology, number, readonly string[]]>([
    ['leaves a node alone just before the suspect timeout', single, 2_999, []],
    ['suspects at the suspect timeout', single, 3_000, ['object-1 SUSPECT']],
    ['suspects first, however long the silence', single, 60_000, ['object-1 SUSPECT']],
    ['leaves a suspect just before the down timeout', suspect, 5_999, []],
    ['counts the down timeout from the last heartbeat', suspect, 6_000, ['object-1 DOWN']],
    ['asks nothing more of a node that is DOWN', down, 1_000_000, []],
    ['keeps a late joiner just before its timeout', joining, 59_999, []],
  ])('%s', (_, topology, silentMs, expected) => {
    expect(demands(topology, 10_000 + silentMs, { 'object-1': { lastSeenMs: 10_000, firstSeenMs: 10_000 } })).toEqual(
      expected,
    );
  });

  it('marks nobody worse within the grace period of a new leader', () => {
    const long = { 'object-1': { lastSeenMs: -1_000_000 } };
    expect(demands(single, 2_999, long)).toEqual([]);
    expect(demands(single, 3_000, long)).toEqual(['object-1 SUSPECT']);
    expect(demands(joining, 2_999, { 'object-1': { firstSeenMs: -1_000_000 } })).toEqual([]);
  });

  it('counts a node that this leader never heard from the begin of the leadership', () => {
    expect(demands(single, 102_999, {}, 100_000)).toEqual([]);
    expect(demands(single, 103_000, {}, 100_000)).toEqual(['object-1 SUSPECT']);
    expect(demands(suspect, 105_999, {}, 100_000)).toEqual([]);
    expect(demands(suspect, 106_000, {}, 100_000)).toEqual(['object-1 DOWN']);
  });

  it('does not take the heartbeats of an older generation for those of the present one', () => {
    const records = { 'object-1': { generationId: 0n, lastSeenMs: 9_999 } };
    expect(demands(single, 10_000, records)).toEqual(['object-1 SUSPECT']);
  });

  it('removes a node that is not ready in time although it sends heartbeats', () => {
    const starting = { firstSeenMs: 0, lastSeenMs: 59_999, reportedState: 'STARTING' as const };
    expect(demands(joining, 60_000, { 'object-1': starting })).toEqual(['deregister-node']);
  });

  it('never removes a ready node that waits for the ring, until it falls silent', () => {
    const waiting = applied(formedCluster(), register({ id: 'late' }));
    const members = ['object-1', 'object-2', 'object-3', 'metadata-1', 'metadata-2'];
    const heard = (lastSeenMs: number) => ({
      ...Object.fromEntries(members.map((id) => [id, { lastSeenMs: 1_000_000 }])),
      late: { firstSeenMs: 0, lastSeenMs },
    });
    expect(demands(waiting, 1_000_000, heard(999_000))).toEqual([]);
    expect(demands(waiting, 1_000_000, heard(940_000))).toEqual(['deregister-node']);
  });

  it('names generation, time and reason in its commands', () => {
    const heartbeats = new Map([
      ['object-1', { generationId: 1n, firstSeenMs: 0, lastSeenMs: 0, reportedState: 'READY' as const }],
    ]);
    const seen = { nowMs: 4_000.7, atMs: 77, leaderSinceMs: 0, topology: single, heartbeats };
    expect(detectFailures(seen, timings)).toEqual([
      {
        kind: 'set-node-state',
        atMs: 77,
        nodeId: 'object-1',
        generationId: 1n,
        state: 'SUSPECT',
        reason: 'no heartbeat for 4000 ms',
      },
    ]);
  });
});

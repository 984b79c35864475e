import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DetectorCommand,
  type DetectorState,
  type DetectorStep,
  type HeartbeatRecord,
  newDetectorState,
  stepDetector,
} from '../../../src/topology/failure-detector.ts';
import { heartbeatTransition } from '../../../src/topology/heartbeat-transition.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { NodeState, Topology } from '../../../src/topology/topology.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

const timings = { detectorTickMs: 250, leaderGraceMs: 3_000, joiningTimeoutMs: 60_000 };

type Records = Readonly<Record<string, Partial<HeartbeatRecord>>>;

/** A detector that has looked in time ever since `leaderSinceMs`, and looks now. */
function look(topology: Topology, nowMs: number, records: Records, leaderSinceMs = 0): DetectorStep {
  const heartbeats = new Map(Object.entries(records).map(([id, record]) => [id, { ...sampleRecord, ...record }]));
  const state = { ...newDetectorState(leaderSinceMs), lastLookMs: nowMs - timings.detectorTickMs };
  return stepDetector(state, { nowMs, atMs: 77, leaderSinceMs, topology, heartbeats }, timings);
}

const sampleRecord: HeartbeatRecord = {
  generationId: 1n,
  firstSeenMs: 0,
  lastSeenMs: 0,
  reportedState: 'READY',
  suspicionsMs: [],
};

/** Commands in short. */
function inShort(commands: readonly DetectorCommand[]): readonly string[] {
  return commands.map((command) =>
    command.kind === 'set-node-state' ? `${command.nodeId} ${command.state}` : `${command.kind}`,
  );
}

const demands = (...seen: Parameters<typeof look>) => inShort(look(...seen).commands);

const single = applied(emptyCluster(), register(), setState('object-1', 'ACTIVE'));
const suspect = applied(single, setState('object-1', 'SUSPECT'));
const down = applied(suspect, setState('object-1', 'DOWN'));
const joining = applied(emptyCluster(), register());
const draining = withState(single, 'object-1', 'DRAINING');

function withState(topology: Topology, id: string, state: NodeState): Topology {
  const intent = state === 'DRAINING' ? 'DRAIN' : 'SERVE';
  return { ...topology, nodes: new Map([...topology.nodes, [id, { ...nodeOf(topology, id), state, intent }]]) };
}

describe('stepDetector', () => {
  it.each<[string, Topology, number, readonly string[]]>([
    ['leaves a node alone just before the suspect timeout', single, 2_999, []],
    ['suspects at the suspect timeout', single, 3_000, ['object-1 SUSPECT']],
    ['suspects first, however long the silence', single, 60_000, ['object-1 SUSPECT']],
    ['leaves a suspect just before the down timeout', suspect, 5_999, []],
    ['counts the down timeout from the last heartbeat', suspect, 6_000, ['object-1 DOWN']],
    ['does not suspect a node that drains', draining, 5_999, []],
    ['takes a draining node that is silent for DOWN', draining, 6_000, ['object-1 DOWN']],
    ['asks nothing more of a node that is DOWN', down, 1_000_000, []],
    ['keeps a late joiner just before its timeout', joining, 59_999, []],
  ])('%s', (_, topology, silentMs, expected) => {
    expect(demands(topology, 10_000 + silentMs, { 'object-1': { lastSeenMs: 10_000, firstSeenMs: 10_000 } })).toEqual(
      expected,
    );
  });

  it('does not take the heartbeats of an older generation for those of the present one', () => {
    expect(demands(single, 10_000, { 'object-1': { generationId: 0n, lastSeenMs: 9_999 } })).toEqual([
      'object-1 SUSPECT',
    ]);
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
    expect(look(single, 4_000.7, { 'object-1': {} }).commands).toEqual([
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

  it('gives a node that keeps coming back twice the time', () => {
    const flapping = { suspicionsMs: [-1_000, -600, -300] };
    expect(demands(single, 5_999, { 'object-1': flapping })).toEqual([]);
    expect(demands(single, 6_000, { 'object-1': flapping })).toEqual(['object-1 SUSPECT']);
    expect(demands(suspect, 11_999, { 'object-1': flapping })).toEqual([]);
    expect(demands(suspect, 12_000, { 'object-1': flapping })).toEqual(['object-1 DOWN']);
    expect(demands(draining, 11_999, { 'object-1': flapping })).toEqual([]);
    // A process that keeps crashing flaps as well: the history is the node's.
    expect(demands(single, 5_999, { 'object-1': { ...flapping, generationId: 0n } })).toEqual([]);
  });

  it('does not change the state that it is given', () => {
    const state = Object.freeze({ ...newDetectorState(0), lastLookMs: 9_750, suspectMarks: Object.freeze([]) });
    const seen = { nowMs: 10_000, atMs: 0, leaderSinceMs: 0, topology: single, heartbeats: new Map() };
    const first = stepDetector(state, seen, timings);
    expect(stepDetector(state, seen, timings)).toEqual(first);
    expect(first.state.suspectMarks).toEqual([{ nodeId: 'object-1', atMs: 10_000 }]);
  });
});

describe('the grace period', () => {
  it('marks nobody worse after an election, whatever was heard before it', () => {
    const long = { 'object-1': { lastSeenMs: -1_000_000 } };
    expect(demands(single, 2_999, long)).toEqual([]);
    expect(demands(single, 3_000, long)).toEqual(['object-1 SUSPECT']);
    expect(demands(joining, 2_999, { 'object-1': { firstSeenMs: -1_000_000 } })).toEqual([]);
  });

  it('lets a node’s silence begin with the leadership, heard before or never', () => {
    for (const records of [{}, { 'object-1': { lastSeenMs: -1_000_000 } }]) {
      expect(demands(single, 102_999, records, 100_000)).toEqual([]);
      expect(demands(single, 103_000, records, 100_000)).toEqual(['object-1 SUSPECT']);
      expect(demands(suspect, 105_999, records, 100_000)).toEqual([]);
      expect(demands(suspect, 106_000, records, 100_000)).toEqual(['object-1 DOWN']);
      expect(demands(draining, 105_999, records, 100_000)).toEqual([]);
    }
  });

  it('begins again with a new leadership, and forgets the marks of the old one', () => {
    const old = stepAt(newDetectorState(0), 250, single).state;
    const stale: DetectorState = { ...old, suspectMarks: [{ nodeId: 'x', atMs: 250 }] };
    const seen = { nowMs: 100_000, atMs: 0, leaderSinceMs: 100_000, topology: single, heartbeats: new Map() };
    const step = stepDetector(stale, seen, timings);
    expect(step).toMatchObject({ commands: [], stalledMs: undefined });
    expect(step.state).toEqual({ ...newDetectorState(100_000), lastLookMs: 100_000 });
  });
});

/** One look of a detector that has led since 0 and has heard nobody. */
function stepAt(state: DetectorState, nowMs: number, topology: Topology, records: Records = {}): DetectorStep {
  const heartbeats = new Map(Object.entries(records).map(([id, record]) => [id, { ...sampleRecord, ...record }]));
  return stepDetector(state, { nowMs, atMs: 0, leaderSinceMs: state.leaderSinceMs, topology, heartbeats }, timings);
}

describe('a stall of the leader’s own process', () => {
  const runningSince0 = { ...newDetectorState(0), lastLookMs: 10_000 };

  it.each<[string, number, number | undefined]>([
    ['in time', 250, undefined],
    ['late by less than a heartbeat interval', 1_249, undefined],
    ['late by a heartbeat interval', 1_250, 1_000],
    ['late by a minute', 60_250, 60_000],
  ])('is what a look says that comes %s', (_, afterMs, stalledMs) => {
    const step = stepAt(runningSince0, 10_000 + afterMs, single, { 'object-1': { lastSeenMs: 10_000 } });
    expect(step.stalledMs).toBe(stalledMs);
    expect(step.state.listeningSinceMs).toBe(stalledMs === undefined ? 0 : 10_000 + afterMs);
  });

  it('ends no lease: silence counts from its end, and so does the grace period', () => {
    const records = { 'object-1': { lastSeenMs: 10_000 } };
    let state: DetectorState = runningSince0;
    const asked: string[] = [];
    for (let nowMs = 70_000; nowMs <= 76_000; nowMs += 250) {
      const step = stepAt(state, nowMs, nowMs < 73_250 ? single : suspect, records);
      state = step.state;
      asked.push(...inShort(step.commands).map((command) => `${nowMs} ${command}`));
    }
    expect(asked).toEqual(['73000 object-1 SUSPECT', '76000 object-1 DOWN']);
  });
});

const crowd = Array.from({ length: 60 }, (_, index) => `n${String(index).padStart(2, '0')}`);

/** Sixty ACTIVE frontends. */
function crowded(): Topology {
  const topology = applied(emptyCluster(), ...crowd.map((id) => register({ id, roles: ['frontend'] })));
  return { ...topology, nodes: new Map([...topology.nodes].map(([id, node]) => [id, { ...node, state: 'ACTIVE' }])) };
}

describe('the rate limit', () => {
  it('lets the longest silent through first, and counts who waits', () => {
    const records = Object.fromEntries(crowd.map((id, index) => [id, { lastSeenMs: 5_000 - ((index * 7) % 60) * 10 }]));
    const longest = crowd.toSorted((a, b) => (records[a]?.lastSeenMs ?? 0) - (records[b]?.lastSeenMs ?? 0));
    const step = look(crowded(), 10_000, records);
    expect(inShort(step.commands)).toEqual(longest.slice(0, 6).map((id) => `${id} SUSPECT`));
    expect(step.deferredCount).toBe(54);
  });

  it('spares a node that is heard while it waits', () => {
    const silent = Object.fromEntries(crowd.map((id) => [id, { lastSeenMs: 5_000 }]));
    const first = look(crowded(), 10_000, silent);
    const heard = Object.fromEntries(crowd.map((id) => [id, { lastSeenMs: 10_100 }]));
    expect(stepAt(first.state, 10_250, crowded(), heard)).toMatchObject({ commands: [], deferredCount: 0 });
  });

  it('holds for suspicions and for losses each by itself, removals of joiners among the losses', () => {
    const states: readonly NodeState[] = ['ACTIVE', 'SUSPECT', 'JOINING', 'DRAINING'];
    const nodes = new Map(
      [...crowded().nodes].map(([id, node], at) => [id, { ...node, state: states[at % 4] ?? 'DOWN' }]),
    );
    const { commands, deferredCount } = look({ ...crowded(), nodes }, 100_000, {});
    const kinds = inShort(commands).map((command) => command.split(' ')[1] ?? command);
    expect(kinds.filter((kind) => kind === 'SUSPECT')).toHaveLength(6);
    expect(kinds.filter((kind) => kind === 'DOWN' || kind === 'deregister-node')).toHaveLength(6);
    expect(deferredCount).toBe(48);
    expect(kinds).toContain('deregister-node');
  });

  it('holds in any window of a heartbeat interval, whoever falls silent and comes back', () => {
    const beats = fc.array(fc.subarray(crowd.slice(0, 20), { maxLength: 20 }), { minLength: 40, maxLength: 120 });
    fc.assert(
      fc.property(beats, (heardByTick) => {
        const cluster = simulation(crowded(), timings);
        const marks: { readonly kind: string; readonly nodeId: string; readonly atMs: number }[] = [];
        for (const heard of heardByTick) {
          const { commands } = cluster.tick(heard);
          for (const command of commands) {
            const kind = command.kind === 'set-node-state' && command.state === 'SUSPECT' ? 'suspect' : 'loss';
            marks.push({ kind, nodeId: command.nodeId, atMs: cluster.nowMs() });
          }
        }
        for (const { kind, atMs: endMs } of marks) {
          const window = marks.filter((mark) => mark.kind === kind && mark.atMs > endMs - 1_000 && mark.atMs <= endMs);
          expect(window.length).toBeLessThanOrEqual(6);
        }
      }),
      { numRuns: 20 },
    );
  });
});

/** A leader's detector over a model of time, heartbeats and the reducer. One tick: who is heard, then one look. */
function simulation(start: Topology, tickTimings: typeof timings) {
  let topology = start;
  let nowMs = 0;
  let state = newDetectorState(0);
  const heartbeats = new Map<string, HeartbeatRecord>();
  const hear = (id: string) => {
    const node = topology.nodes.get(id);
    if (node === undefined) return;
    const { generationId } = node;
    const known = heartbeats.get(id) ?? { ...sampleRecord, generationId, firstSeenMs: nowMs };
    heartbeats.set(id, { ...known, lastSeenMs: nowMs });
    const transition = heartbeatTransition(topology, node, 'READY');
    if (transition === undefined) return;
    const command = { kind: 'set-node-state', atMs: nowMs, nodeId: id, generationId, ...transition } as const;
    topology = reduce(topology, command, 1n).topology;
  };
  const tick = (heard: readonly string[]) => {
    nowMs += tickTimings.detectorTickMs;
    for (const id of heard) hear(id);
    const seen = { nowMs, atMs: nowMs, leaderSinceMs: state.leaderSinceMs, topology, heartbeats };
    const step = stepDetector(state, seen, tickTimings);
    state = step.state;
    for (const command of step.commands) {
      topology = reduce(topology, command, 1n).topology;
      const known = heartbeats.get(command.nodeId);
      if (command.kind === 'deregister-node' || command.state !== 'SUSPECT' || known === undefined) continue;
      heartbeats.set(command.nodeId, { ...known, suspicionsMs: [...known.suspicionsMs, nowMs].slice(-10) });
    }
    return step;
  };
  /** Nobody leads for a time; the next leader begins with an empty memory. */
  const elect = (afterMs: number) => {
    nowMs += afterMs;
    heartbeats.clear();
    state = newDetectorState(nowMs);
  };
  const stateOf = (id: string) => topology.nodes.get(id)?.state;
  return { tick, elect, nowMs: () => nowMs, topology: () => topology, stateOf };
}

describe('an absence of all coordinators', () => {
  const members = ['object-1', 'object-2', 'object-3', 'metadata-1', 'metadata-2'];
  const beatEvery = 1_000 / timings.detectorTickMs;

  it('marks nothing when they are back and the nodes find their leader within the grace period', () => {
    const cluster = simulation(formedCluster(), timings);
    for (let tick = 0; tick < 40; tick += 1) cluster.tick(tick % beatEvery === 0 ? members : []);
    const before = cluster.topology();
    cluster.elect(3_600_000);
    const graceTicks = timings.leaderGraceMs / timings.detectorTickMs;
    for (let tick = 1; tick <= 400; tick += 1) {
      // The nodes look for their leader for nearly the whole grace period, then each beats again.
      const isBack = tick >= graceTicks - 1 && tick % beatEvery === 0;
      expect(cluster.tick(isBack || tick === graceTicks - 1 ? members : []).commands).toEqual([]);
    }
    expect(cluster.topology()).toBe(before);
  });

  it('does not hide who died meanwhile, and takes nobody else for DOWN', () => {
    const cluster = simulation(formedCluster(), timings);
    for (let tick = 0; tick < 40; tick += 1) cluster.tick(tick % beatEvery === 0 ? members : []);
    cluster.elect(3_600_000);
    const alive = members.filter((id) => id !== 'object-2');
    for (let tick = 1; tick <= 400; tick += 1) cluster.tick(tick % beatEvery === 0 ? alive : []);
    expect(members.map((id) => cluster.stateOf(id))).toEqual(['ACTIVE', 'DOWN', 'ACTIVE', 'ACTIVE', 'ACTIVE']);
  });
});

describe('a year of looks', () => {
  const minuteMs = 60_000;
  const yearTicks = 365 * 24 * 60;
  const coarse = { detectorTickMs: minuteMs, leaderGraceMs: 3 * minuteMs, joiningTimeoutMs: 30 * minuteMs };
  const intervals = {
    heartbeatIntervalMs: minuteMs,
    suspectTimeoutMs: 3 * minuteMs,
    downTimeoutMs: 6 * minuteMs,
  };

  it('finds every outage, and nothing but outages', () => {
    const start = formedCluster();
    const cluster = simulation({ ...start, settings: { ...start.settings, ...intervals } }, coarse);
    const ids = [...start.nodes.keys()];
    // Each node is away for so many minutes, so often; the periods share no divisor with a day or each other.
    const outages = [
      { everyTicks: 1_009, awayTicks: 2, marks: [] },
      { everyTicks: 2_003, awayTicks: 5, marks: ['SUSPECT'] },
      { everyTicks: 5_003, awayTicks: 30, marks: ['SUSPECT', 'DOWN'] },
      { everyTicks: 20_011, awayTicks: 2_000, marks: ['SUSPECT', 'DOWN'] },
      { everyTicks: yearTicks + 1, awayTicks: 0, marks: [] },
    ];
    const isAway = (at: number, tick: number) => {
      const outage = outages[at];
      return outage !== undefined && tick % outage.everyTicks >= outage.everyTicks - outage.awayTicks;
    };
    const marks = new Map(ids.map((id) => [id, { SUSPECT: 0, DOWN: 0 }]));
    for (let tick = 1; tick <= yearTicks; tick += 1) {
      const { commands } = cluster.tick(ids.filter((_, at) => !isAway(at, tick)));
      for (const command of commands) {
        const count = marks.get(command.nodeId);
        if (command.kind !== 'set-node-state' || count === undefined) throw new Error(`asks to ${command.kind}`);
        if (command.state === 'SUSPECT' || command.state === 'DOWN') count[command.state] += 1;
        if (!isAway(ids.indexOf(command.nodeId), tick)) throw new Error(`${command.nodeId} was heard at ${tick}`);
      }
    }
    for (const [at, id] of ids.entries()) {
      const { everyTicks, marks: expected = [] } = outages[at] ?? { everyTicks: yearTicks + 1 };
      const times = Math.floor(yearTicks / everyTicks);
      const counts = { SUSPECT: 0, DOWN: 0, ...Object.fromEntries(expected.map((state) => [state, times])) };
      expect({ id, ...marks.get(id) }).toEqual({ id, ...counts });
      expect(cluster.stateOf(id)).toBe('ACTIVE');
    }
  });
});

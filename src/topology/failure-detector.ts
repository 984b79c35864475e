import type { TopologyCommand } from './commands.ts';
import { timeoutsOf } from './flap-damping.ts';
import { limitMarks, type Mark, marksMaxOf } from './mark-limit.ts';
import type { Node, ReportedState, Topology } from './topology.ts';

/** What the leader remembers of one node; times of a monotonic clock. */
export interface HeartbeatRecord {
  readonly generationId: bigint;
  /** When this leader first heard of this generation. */
  readonly firstSeenMs: number;
  /** When its last registration or heartbeat arrived. */
  readonly lastSeenMs: number;
  readonly reportedState: ReportedState;
  /** When the failure detector suspected the node, of whatever generation, oldest first. */
  readonly suspicionsMs: readonly number[];
}

/** One look at the cluster. */
export interface Observation {
  /** Monotonic time of the look. */
  readonly nowMs: number;
  /** Wall time of the look, for the commands. */
  readonly atMs: number;
  /** Monotonic time since when this process leads. */
  readonly leaderSinceMs: number;
  readonly topology: Topology;
  /** By node id. */
  readonly heartbeats: ReadonlyMap<string, HeartbeatRecord>;
}

/** What the detector may ask for. */
export type DetectorCommand = Extract<TopologyCommand, { kind: 'deregister-node' | 'set-node-state' }>;

/** Timings of the detector that are not settings of the cluster, in milliseconds. */
export interface DetectorTimings {
  /** Between two looks. */
  readonly detectorTickMs: number;
  /** After an election: no node is marked worse. */
  readonly leaderGraceMs: number;
  /** How long a node may take from its registration to its first readiness. */
  readonly joiningTimeoutMs: number;
}

/** What the detector carries from one look to the next; monotonic times. */
export interface DetectorState {
  /** The leadership that it belongs to. */
  readonly leaderSinceMs: number;
  /** Since when this process listens without a gap: the grace period begins here, and so does every silence. */
  readonly listeningSinceMs: number;
  readonly lastLookMs: number;
  /** Nodes marked SUSPECT within the last heartbeat interval. */
  readonly suspectMarks: readonly Mark[];
  /** Nodes marked DOWN or removed within the last heartbeat interval. */
  readonly downMarks: readonly Mark[];
}

/** What one look led to. */
export interface DetectorStep {
  readonly state: DetectorState;
  /** Suspicions first, then nodes that are DOWN or to be removed; the longest silent first. */
  readonly commands: readonly DetectorCommand[];
  /** How many nodes are due and wait for a later look. */
  readonly deferredCount: number;
  /** By how many milliseconds the look came late because this process stood still; undefined when it did not. */
  readonly stalledMs: number | undefined;
}

interface Verdict {
  readonly nodeId: string;
  readonly silentMs: number;
  readonly command: DetectorCommand;
}

/** The state of a detector whose process begins to lead at this moment of the monotonic clock. */
export function newDetectorState(leaderSinceMs: number): DetectorState {
  const now = { leaderSinceMs, listeningSinceMs: leaderSinceMs, lastLookMs: leaderSinceMs };
  return { ...now, suspectMarks: [], downMarks: [] };
}

/**
 * One look of the failure detector. Pure: everything it knows is in its arguments, so that a
 * simulator can drive it.
 *
 * - **Grace.** For `leaderGraceMs` after an election nothing is asked for, and no silence counts
 *   from before it: the nodes first have to find their new leader.
 * - **Stall.** A look that comes a heartbeat interval or more later than planned says that this
 *   process itself stood still (a stopped virtual machine, a stalled disk): nobody could be heard
 *   meanwhile, so it is as after an election.
 * - **Damping.** A node that was suspected again and again is given more time (flap-damping.ts).
 * - **Rate limit.** Within any window of one heartbeat interval at most max(4, 10 %) of the nodes are
 *   marked SUSPECT, and as many DOWN or removed. When very many fall silent at once, the fault is
 *   rather in the store, the network or this process than in each of them, and marking them all
 *   would set off a storm of failovers (etcd 15247). The longest silent come first; the rest wait
 *   for later looks, and a node that is heard meanwhile is spared.
 */
export function stepDetector(previous: DetectorState, seen: Observation, timings: DetectorTimings): DetectorStep {
  const { nowMs, leaderSinceMs, topology } = seen;
  const { heartbeatIntervalMs } = topology.settings;
  const before = previous.leaderSinceMs === leaderSinceMs ? previous : newDetectorState(leaderSinceMs);
  const lateMs = nowMs - before.lastLookMs - timings.detectorTickMs;
  const isStalled = lateMs >= heartbeatIntervalMs;
  const listeningSinceMs = isStalled ? nowMs : before.listeningSinceMs;
  const isGrace = nowMs - listeningSinceMs < timings.leaderGraceMs;
  const verdicts = isGrace ? [] : judgeAll(seen, timings, listeningSinceMs);
  const limit = { nowMs, windowMs: heartbeatIntervalMs, marksMax: marksMaxOf(topology.nodes.size) };
  const isSuspicion = ({ command }: Verdict) => command.kind === 'set-node-state' && command.state === 'SUSPECT';
  const suspicions = limitMarks(before.suspectMarks, verdicts.filter(isSuspicion), limit);
  const others = verdicts.filter((verdict) => !isSuspicion(verdict));
  const losses = limitMarks(before.downMarks, others, limit);
  const allowed = [...suspicions.allowed, ...losses.allowed];
  return {
    state: {
      leaderSinceMs,
      listeningSinceMs,
      lastLookMs: nowMs,
      suspectMarks: suspicions.marks,
      downMarks: losses.marks,
    },
    commands: allowed.map(({ command }) => command),
    deferredCount: verdicts.length - allowed.length,
    stalledMs: isStalled ? lateMs : undefined,
  };
}

/** Whoever is due, the longest silent first. */
function judgeAll(seen: Observation, timings: DetectorTimings, listeningSinceMs: number): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  for (const node of seen.topology.nodes.values()) {
    const verdict = judge(node, seen, timings, listeningSinceMs);
    if (verdict !== undefined) verdicts.push(verdict);
  }
  return verdicts.sort((left, right) => right.silentMs - left.silentMs || (left.nodeId < right.nodeId ? -1 : 1));
}

function judge(node: Node, seen: Observation, timings: DetectorTimings, listeningSinceMs: number): Verdict | undefined {
  const { nowMs, atMs, topology, heartbeats } = seen;
  const kept = heartbeats.get(node.id);
  // Memories of an older generation say nothing of the present process.
  const record = kept?.generationId === node.generationId ? kept : undefined;
  const silentMs = nowMs - Math.max(record?.lastSeenMs ?? listeningSinceMs, listeningSinceMs);
  const { suspectTimeoutMs, downTimeoutMs } = timeoutsOf(topology.settings, kept?.suspicionsMs ?? [], nowMs);
  switch (node.state) {
    case 'ACTIVE':
      return silentMs >= suspectTimeoutMs ? marked(node, 'SUSPECT', silentMs, atMs) : undefined;
    case 'SUSPECT':
    case 'DRAINING':
      return silentMs >= downTimeoutMs ? marked(node, 'DOWN', silentMs, atMs) : undefined;
    case 'JOINING': {
      // A node that is ready and waits for the ring has done its part: it leaves only when it falls silent.
      const waitedMs = record?.reportedState === 'READY' ? silentMs : nowMs - (record?.firstSeenMs ?? listeningSinceMs);
      if (waitedMs < timings.joiningTimeoutMs) return undefined;
      const { id: nodeId, generationId } = node;
      return { nodeId, silentMs, command: { kind: 'deregister-node', atMs, nodeId, generationId } };
    }
    case 'DOWN':
      return undefined;
  }
}

function marked(node: Node, state: 'SUSPECT' | 'DOWN', silentMs: number, atMs: number): Verdict {
  const { id: nodeId, generationId } = node;
  const reason = `no heartbeat for ${Math.floor(silentMs)} ms`;
  return { nodeId, silentMs, command: { kind: 'set-node-state', atMs, nodeId, generationId, state, reason } };
}

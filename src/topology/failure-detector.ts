import type { TopologyCommand } from './commands.ts';
import type { Node, ReportedState, Topology } from './topology.ts';

/** What the leader remembers of one node; times of a monotonic clock. */
export interface HeartbeatRecord {
  readonly generationId: bigint;
  /** When this leader first heard of this generation. */
  readonly firstSeenMs: number;
  /** When its last registration or heartbeat arrived. */
  readonly lastSeenMs: number;
  readonly reportedState: ReportedState;
}

/** One look at the cluster. */
export interface Observation {
  /** Monotonic time of the look. */
  readonly nowMs: number;
  /** Wall time of the look, for the commands. */
  readonly atMs: number;
  /** Monotonic time since when this process leads and has run without a stall. */
  readonly leaderSinceMs: number;
  readonly topology: Topology;
  readonly heartbeats: ReadonlyMap<string, HeartbeatRecord>;
}

/** What the detector may ask for. */
export type DetectorCommand = Exclude<TopologyCommand, { kind: 'register-node' }>;

/** Timings of the detector that are not settings of the cluster, in milliseconds. */
export interface DetectorTimings {
  /** After an election: no node is marked worse. */
  readonly leaderGraceMs: number;
  /** How long a node may take from its registration to its first readiness. */
  readonly joiningTimeoutMs: number;
}

/**
 * What the failure detector asks for. Pure. A node that this leader has never heard counts as heard
 * when the leadership began; within the grace period nothing is asked for at all.
 */
export function detectFailures(seen: Observation, timings: DetectorTimings): readonly DetectorCommand[] {
  if (seen.nowMs - seen.leaderSinceMs < timings.leaderGraceMs) return [];
  return [...seen.topology.nodes.values()].flatMap((node) => judge(node, seen, timings) ?? []);
}

function judge(node: Node, seen: Observation, timings: DetectorTimings): DetectorCommand | undefined {
  const { suspectTimeoutMs, downTimeoutMs } = seen.topology.settings;
  const record = recordOf(node, seen);
  const silentMs = seen.nowMs - record.lastSeenMs;
  switch (node.state) {
    case 'ACTIVE':
      return silentMs >= suspectTimeoutMs ? setState(node, 'SUSPECT', silentMs, seen) : undefined;
    case 'SUSPECT':
      return silentMs >= downTimeoutMs ? setState(node, 'DOWN', silentMs, seen) : undefined;
    case 'JOINING': {
      // A node that is ready and waits for the ring has done its part: it leaves only when it falls silent.
      const waitedMs = record.reportedState === 'READY' ? silentMs : seen.nowMs - record.firstSeenMs;
      if (waitedMs < timings.joiningTimeoutMs) return undefined;
      return { kind: 'deregister-node', atMs: seen.atMs, nodeId: node.id, generationId: node.generationId };
    }
    case 'DRAINING':
    case 'DOWN':
      return undefined;
  }
}

/** Memories of an older generation say nothing of the present process. */
function recordOf(node: Node, { heartbeats, leaderSinceMs }: Observation): HeartbeatRecord {
  const record = heartbeats.get(node.id);
  if (record?.generationId === node.generationId) return record;
  return {
    generationId: node.generationId,
    firstSeenMs: leaderSinceMs,
    lastSeenMs: leaderSinceMs,
    reportedState: 'STARTING',
  };
}

function setState(node: Node, state: 'SUSPECT' | 'DOWN', silentMs: number, { atMs }: Observation): DetectorCommand {
  const { id: nodeId, generationId } = node;
  const reason = `no heartbeat for ${Math.floor(silentMs)} ms`;
  return { kind: 'set-node-state', atMs, nodeId, generationId, state, reason };
}

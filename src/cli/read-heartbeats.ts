import { explain } from '../base/errors.ts';
import type { ClusterConnection, NodeHeartbeat } from './connection.ts';
import type { Unreachable } from './output/envelope.ts';

/** What the leader remembers, by node id; empty with the reason when there is nobody to ask. */
export interface HeartbeatsRead {
  readonly heartbeats: ReadonlyMap<string, NodeHeartbeat>;
  readonly unreachable: readonly Unreachable[];
}

/** Reads the heartbeats where there is a leader; what needs none goes on without them. */
export async function readHeartbeats(cluster: ClusterConnection, signal: AbortSignal): Promise<HeartbeatsRead> {
  let leaderId: string | undefined;
  try {
    leaderId = (await cluster.leader()).leaderId;
    // Asking for the heartbeats would wait for an election until the time is up.
    if (leaderId === undefined) return without('leader', 'no coordinator leads, and heartbeats are known to it alone');
    const heartbeats = await cluster.heartbeats();
    return { heartbeats: new Map(heartbeats.map((each) => [each.nodeId, each])), unreachable: [] };
  } catch (error) {
    signal.throwIfAborted();
    return without(leaderId ?? 'leader', `no heartbeats: ${explain(error)}`);
  }
}

function without(node: string, reason: string): HeartbeatsRead {
  return { heartbeats: new Map(), unreachable: [{ node, reason }] };
}

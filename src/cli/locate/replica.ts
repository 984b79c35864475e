import { asStratumError, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { HashRing } from '../../topology/hash-ring.ts';
import type { Topology } from '../../topology/topology.ts';
import type { ClusterConnection } from '../connection.ts';
import { toTime } from '../output/json.ts';

/** What is known of one copy of a blob; "" when the node was not asked. */
export type Presence = 'present' | 'missing' | 'corrupt' | 'unknown' | 'unreachable' | '';

/** A node that a blob is placed on, in order of preference. */
export interface Replica {
  readonly nodeId: string;
  readonly address: string;
  readonly state: string;
  readonly presence: Presence;
  /** Bytes of the copy. */
  readonly size: number;
  readonly storedAt: string;
  /** Why the node could not be asked. */
  readonly error: string;
}

/** The nodes that a blob is placed on; NOT_READY before a ring is formed. */
export function replicasOf(topology: Topology, oid: Oid): Replica[] {
  if (topology.ring.epoch === 0n) {
    const { bootstrapExpectObject } = topology.settings;
    const message = `no ring has been formed yet: it takes ${bootstrapExpectObject} object nodes that are ready`;
    throw new StratumError('NOT_READY', message, { what: 'ring', need: bootstrapExpectObject });
  }
  return HashRing.of(topology.ring)
    .placement(oid)
    .map((nodeId) => {
      const node = topology.nodes.get(nodeId);
      const known = { nodeId, address: node?.address ?? '', state: node?.state ?? 'UNKNOWN' };
      return { ...known, presence: '', size: 0, storedAt: '', error: '' };
    });
}

/** How to ask. */
export interface PresenceQuestion {
  readonly oid: Oid;
  /** Let each node read and hash its copy. */
  readonly verify: boolean;
  /** Milliseconds that each node has to answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asks every replica at once, whatever its state; a node that does not answer is "unreachable". */
export function askReplicas(
  replicas: readonly Replica[],
  question: PresenceQuestion,
  cluster: ClusterConnection,
): Promise<Replica[]> {
  return Promise.all(replicas.map((replica) => askReplica(replica, question, cluster)));
}

async function askReplica(replica: Replica, question: PresenceQuestion, cluster: ClusterConnection): Promise<Replica> {
  const { oid, verify, timeoutMs, signal } = question;
  if (replica.address === '') return { ...replica, presence: 'unreachable', error: 'the node is not registered' };
  try {
    const reader = await cluster.reader(replica.nodeId, replica.address);
    const [report] = await reader.has([oid], verify, { timeoutMs, signal });
    if (report === undefined) return { ...replica, presence: 'unknown', error: 'the node gave no answer for the blob' };
    const presence = report.presence.toLowerCase() as Lowercase<typeof report.presence>;
    return { ...replica, presence, size: report.size, storedAt: toTime(report.storedAtMs) };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = asStratumError(error);
    return { ...replica, presence: 'unreachable', error: `${code}: ${message}` };
  }
}

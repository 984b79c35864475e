import type { MetadataCluster } from '../e2e/metadata-cluster.ts';
import { leaseMs } from '../e2e/metadata-cluster.ts';
import type { CutDirection } from '../e2e/tcp-proxy.ts';

/** All that is done to a primary. */
export const faultKinds = [
  'kill and start at once',
  'kill and start later',
  'stop and continue',
  'restart in order',
  'cut off both ways',
  'not heard',
  'hears nothing',
  'cut off from its peers',
  'cut off from the coordinator',
  // Clients and frontends still reach it.
  'cut off from all nodes but frontends',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Which of them the other replicas report: the coordinator deposes one node on reports within ten leases, and more only once they are DOWN. */
const reportedKinds: ReadonlySet<FaultKind> = new Set([
  // On a busy machine its start takes longer than the others wait.
  'kill and start at once',
  'kill and start later',
  'stop and continue',
  'cut off both ways',
  'not heard',
  'hears nothing',
  'cut off from its peers',
  'cut off from all nodes but frontends',
]);

/** The coordinator's window for that, with a second to spare. */
export const reportWindowMs = 10 * leaseMs + 1_000;

export function isReported(kind: FaultKind): boolean {
  return reportedKinds.has(kind);
}

/** At least so long a fault lasts: several leases. */
const holdMs = 4 * leaseMs;

/** Longer than the coordinator waits before it calls a node DOWN. */
const downHoldMs = 8_000;

const directions: Partial<Readonly<Record<FaultKind, CutDirection>>> = {
  'cut off both ways': 'both',
  'not heard': 'sent',
  'hears nothing': 'received',
  'cut off from its peers': 'both',
  'cut off from the coordinator': 'both',
  'cut off from all nodes but frontends': 'both',
};

/** A fault that has struck. */
export interface StruckFault {
  /** The least that it is to last. */
  readonly holdMs: number;
  /** Mends it. */
  end(): Promise<void>;
}

/** Lets a fault strike a metadata node, at once; resolves when nothing more is to be done until its end. */
export async function strike(kind: FaultKind, nodeId: string, cluster: MetadataCluster): Promise<StruckFault> {
  const node = cluster.process(nodeId);
  const direction = directions[kind];
  if (direction !== undefined) {
    const peers = cluster.metadataIds.filter((id) => id !== nodeId);
    const others: Partial<Record<FaultKind, readonly string[]>> = {
      'cut off from its peers': peers,
      'cut off from the coordinator': ['c1'],
      'cut off from all nodes but frontends': [...peers, 'c1'],
    };
    const from = others[kind];
    cluster.network.separate({ party: nodeId, direction, ...(from === undefined ? {} : { from }) });
    const lastsMs = kind === 'cut off from the coordinator' ? downHoldMs : holdMs;
    return { holdMs: lastsMs, end: async () => cluster.network.heal() };
  }
  switch (kind) {
    case 'kill and start at once':
      await node.kill();
      node.start();
      return { holdMs: 0, end: async () => undefined };
    case 'kill and start later':
      await node.kill();
      return { holdMs, end: async () => node.start() };
    case 'stop and continue':
      node.signal('SIGSTOP', 'process');
      return { holdMs, end: async () => node.signal('SIGCONT', 'process') };
    default: {
      await cluster.stop(nodeId);
      node.start();
      return { holdMs: 0, end: async () => undefined };
    }
  }
}

import { HashRing } from '../../topology/hash-ring.ts';
import type { Topology } from '../../topology/topology.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** How well a local cluster can serve. */
export type HealthVerdict = 'healthy' | 'degraded' | 'no-quorum' | 'unknown';

/** A verdict and what led to it. */
export interface ClusterHealth {
  readonly verdict: HealthVerdict;
  readonly reasons: readonly string[];
}

/** The contract's exit codes. */
export const healthExitCodes: Readonly<Record<HealthVerdict, number>> = {
  healthy: 0,
  degraded: 5,
  'no-quorum': 6,
  unknown: 7,
};

/**
 * Judges by processes and topology together: a process that has just died is still ACTIVE in the
 * topology, and one that hangs still runs. Without a topology nobody knows, unless the very
 * coordinator is gone.
 */
export function judgeHealth(status: SupervisorStatus, topology: Topology | undefined): ClusterHealth {
  const exited = status.processes.filter(({ state }) => state === 'exited');
  const gone = exited.map(({ id }) => `${id} does not run`);
  const coordinators = status.processes.filter(({ role }) => role === 'coordinator');
  if (coordinators.every(({ state }) => state === 'exited')) return { verdict: 'no-quorum', reasons: gone };
  if (topology === undefined) return { verdict: 'unknown', reasons: [...gone, 'no coordinator answers'] };
  const view = { topology, exited: new Set(exited.map(({ id }) => id)) };
  const fatal = [...ringFaults(view), ...partitionFaults(view), ...frontendFaults(status)];
  if (fatal.length > 0) return { verdict: 'no-quorum', reasons: [...gone, ...fatal] };
  const late = status.processes
    .filter(({ id, state }) => state === 'running' && topology.nodes.get(id)?.state !== 'ACTIVE')
    .map(({ id }) => `${id} is ${topology.nodes.get(id)?.state ?? 'not registered'}`);
  const reasons = [...gone, ...late];
  return { verdict: reasons.length === 0 ? 'healthy' : 'degraded', reasons };
}

interface View {
  readonly topology: Topology;
  readonly exited: ReadonlySet<string>;
}

function serves({ topology, exited }: View, nodeId: string): boolean {
  const state = topology.nodes.get(nodeId)?.state;
  return !exited.has(nodeId) && state !== undefined && state !== 'DOWN' && state !== 'JOINING';
}

function ringFaults(view: View): string[] {
  const { ring } = view.topology;
  if (ring.epoch === 0n) return ['the ring is not formed'];
  const hashRing = HashRing.of(ring);
  let below = 0;
  for (const { position } of hashRing.entries()) {
    const there = hashRing.placement(position).filter((nodeId) => serves(view, nodeId)).length;
    if (there < ring.writeQuorum) below += 1;
  }
  return below === 0 ? [] : [`${below} ranges of the ring have fewer than ${ring.writeQuorum} object nodes`];
}

function partitionFaults(view: View): string[] {
  const unserved = view.topology.partitions.filter(({ primaryId }) => primaryId === '' || !serves(view, primaryId));
  if (view.topology.partitions.length === 0) return ['partitions are not assigned'];
  return unserved.length === 0 ? [] : [`${unserved.length} partitions have no primary that serves`];
}

function frontendFaults(status: SupervisorStatus): string[] {
  const frontends = status.processes.filter(({ role }) => role === 'frontend');
  return frontends.some(({ state }) => state === 'running') ? [] : ['no frontend runs'];
}

import type { Topology } from '../../topology/topology.ts';
import { type HealthVerdict, placementFindings } from '../cluster-verdict.ts';
import { servesByState } from '../quorum-statistics.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

export { healthExitCodes } from '../cluster-verdict.ts';

/** A verdict and what led to it. */
export interface ClusterHealth {
  readonly verdict: HealthVerdict;
  readonly reasons: readonly string[];
}

/**
 * Judges by processes and topology together: a process that has just died is still ACTIVE in the
 * topology, and one that hangs still runs. Without a topology nobody knows, unless a majority of the
 * coordinators is gone.
 */
export function judgeHealth(status: SupervisorStatus, topology: Topology | undefined): ClusterHealth {
  const exited = status.processes.filter(({ state }) => state === 'exited');
  const gone = exited.map(({ id }) => `${id} does not run`);
  const coordinators = status.processes.filter(({ role }) => role === 'coordinator');
  const running = coordinators.filter(({ state }) => state === 'running').length;
  if (2 * running <= coordinators.length) return { verdict: 'no-quorum', reasons: gone };
  if (topology === undefined) return { verdict: 'unknown', reasons: [...gone, 'no coordinator answers'] };
  const fatal = [...placementFaults(topology, new Set(exited.map(({ id }) => id))), ...frontendFaults(status)];
  if (fatal.length > 0) return { verdict: 'no-quorum', reasons: [...gone, ...fatal] };
  const late = status.processes
    .filter(({ id, state }) => state === 'running' && topology.nodes.get(id)?.state !== 'ACTIVE')
    .map(({ id }) => `${id} is ${topology.nodes.get(id)?.state ?? 'not registered'}`);
  const reasons = [...gone, ...late];
  return { verdict: reasons.length === 0 ? 'healthy' : 'degraded', reasons };
}

function placementFaults(topology: Topology, exited: ReadonlySet<string>): string[] {
  const serves = servesByState(topology);
  const findings = placementFindings(topology, (nodeId) => serves(nodeId) && !exited.has(nodeId));
  return findings.filter(({ verdict }) => verdict === 'no-quorum').map(({ reason }) => reason);
}

function frontendFaults(status: SupervisorStatus): string[] {
  const frontends = status.processes.filter(({ role }) => role === 'frontend');
  return frontends.some(({ state }) => state === 'running') ? [] : ['no frontend runs'];
}

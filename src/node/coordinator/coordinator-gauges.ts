import type { Consensus } from '../../consensus/consensus.ts';
import type { Metrics, Sample } from '../../telemetry/metrics.ts';
import type { Topology } from '../../topology/topology.ts';
import { knownTopology } from './known-topology.ts';
import type { RateLimits } from './rate-limits.ts';

/** Lets the metrics read, whenever somebody looks, what a coordinator has; and counts the leaders that it sees. */
export function exposeCoordinator(
  metrics: Metrics,
  { consensus, limits }: { readonly consensus: Consensus; readonly limits: RateLimits },
): void {
  metrics.gauge('stratum_topology_version', () => {
    const topology = knownTopology(consensus);
    return topology === undefined ? [] : [{ labels: {}, value: Number(topology.version) }];
  });
  metrics.gauge('stratum_nodes', () => nodeCounts(knownTopology(consensus)));
  metrics.gauge('stratum_is_leader', () => [{ labels: {}, value: consensus.leadership().isLeader ? 1 : 0 }]);
  metrics.gauge('stratum_term', () => [{ labels: {}, value: Number(consensus.leadership().term) }]);
  metrics.gauge('stratum_watches', () => [{ labels: {}, value: limits.watches }]);
  let lastTerm: bigint | undefined;
  consensus.onLeadership(({ leaderId, term }) => {
    // A leader that is lost, or found again in the same term, is no other leader.
    if (leaderId === undefined || term === lastTerm) return;
    lastTerm = term;
    metrics.increment('stratum_leadership_changes_total', {});
  });
}

function nodeCounts(topology: Topology | undefined): readonly Sample<'stratum_nodes'>[] {
  const samples = new Map<string, { readonly labels: { role: string; state: string }; value: number }>();
  for (const { roles, state } of topology?.nodes.values() ?? []) {
    for (const role of roles) {
      const key = `${role} ${state}`;
      const known = samples.get(key);
      if (known === undefined) samples.set(key, { labels: { role, state }, value: 1 });
      else known.value += 1;
    }
  }
  return [...samples.values()];
}

import type { Metrics } from '../telemetry/metrics.ts';
import type { Topology } from '../topology/topology.ts';

/** What a process knows of the cluster. */
interface KnownTopology {
  current(): Topology | undefined;
  /** Milliseconds since a coordinator was last heard; Infinity when none ever was. */
  ageMs(): number;
}

/** Lets the metrics read which topology a process works from, and how old it is. */
export function exposeTopology(metrics: Metrics, view: KnownTopology): void {
  metrics.gauge('stratum_known_topology_version', () => {
    const topology = view.current();
    return topology === undefined ? [] : [{ labels: {}, value: Number(topology.version) }];
  });
  metrics.gauge('stratum_topology_age_seconds', () => {
    const ageMs = view.ageMs();
    return Number.isFinite(ageMs) ? [{ labels: {}, value: ageMs / 1_000 }] : [];
  });
}

import type { ReadObserver } from '../replication/read/read-observer.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts the hedges of this process's readers. */
export function hedgeMetrics(metrics: Metrics): ReadObserver {
  return { hedged: (result) => metrics.increment('stratum_quorum_hedges_total', { result }) };
}

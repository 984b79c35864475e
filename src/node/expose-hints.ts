import type { HintObserver, HintStats } from '../replication/hints/hint-observer.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Lets the metrics read what a frontend owes to nodes that missed writes. */
export function exposeHints(metrics: Metrics, hints: { stats(): HintStats }): void {
  metrics.gauge('stratum_hints_pending', () => [{ labels: {}, value: hints.stats().pending }]);
  metrics.gauge('stratum_hints_bytes', () => [{ labels: {}, value: hints.stats().bytes }]);
}

/** Counts how hints end. */
export function hintMetrics(metrics: Metrics): HintObserver {
  return { ended: (result, count) => metrics.increment('stratum_hints_total', { result }, count) };
}

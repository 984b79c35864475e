/** A metric as Prometheus knows it. */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence, for /metrics and for docs/metrics.md. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, rising. */
  readonly buckets?: readonly number[];
}

/** From a write on a fast disk to one that waits for a majority that is about to be lost; in seconds. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** From a handful of nodes to ten times the cluster that Stratum is built for. */
const nodeBuckets = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000] as const;

/** All metrics of Stratum's own, by name. Those of the process (process_*, nodejs_*) are prom-client's. */
export const metricTable = {
  stratum_topology_version: gauge('Version of the topology that this coordinator has.', []),
  stratum_known_topology_version: gauge('Version of the topology that this process, of any role, works from.', []),
  stratum_topology_age_seconds: gauge(
    'Time since this process, of any role, last heard from a coordinator; absent while it never has.',
    [],
  ),
  stratum_nodes: gauge('Registered nodes; a node with several roles counts in each.', ['role', 'state']),
  stratum_is_leader: gauge('1 at the coordinator that leads, 0 at the others.', []),
  stratum_term: gauge('Term of the latest leader that this coordinator knows.', []),
  stratum_leadership_changes_total: counter('Changes of leader that this coordinator has seen.', []),
  stratum_proposals_total: counter(
    'Commands proposed to the consensus engine; the result is applied, unchanged, or the code of the error.',
    ['kind', 'result'],
  ),
  stratum_proposal_duration_seconds: histogram(
    'Time from the proposal of a command to its outcome.',
    [],
    durationBuckets,
  ),
  stratum_heartbeats_total: counter('Heartbeats that arrived; the result is OK or the code of the error.', ['result']),
  stratum_heartbeat_batch_nodes: histogram('Nodes in a batch of heartbeats that was kept.', [], nodeBuckets),
  stratum_heartbeat_batch_writes_total: counter(
    'Batches of heartbeats written to the store; the result is OK or the code of the error.',
    ['result'],
  ),
  stratum_detector_decisions_total: counter(
    'What the failure detector decided: suspect, down, remove, deferred (left for a later look), stall (of this process).',
    ['decision'],
  ),
  stratum_watches: gauge('Open watches of the topology.', []),
  stratum_watch_events_total: counter('Events sent to watches: update, fullSync, lagged, keepalive.', ['kind']),
  stratum_requests_total: counter('Calls of the coordinator service that ended; the code is OK or that of the error.', [
    'method',
    'code',
  ]),
  stratum_requests_rejected_total: counter('Calls refused by a limit, by which one.', ['reason']),
} satisfies Record<string, MetricRow>;

function counter<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { type: 'counter' as const, help, labels };
}

function gauge<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { type: 'gauge' as const, help, labels };
}

function histogram<const Labels extends readonly string[]>(help: string, labels: Labels, buckets: readonly number[]) {
  return { type: 'histogram' as const, help, labels, buckets };
}

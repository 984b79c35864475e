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

/** From a small blob in the page cache to a large one over a slow link; in seconds. */
const callBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** From a fast disk's cache to a disk that is about to fail; in seconds. */
const syncBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] as const;

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
  stratum_partition_changes_total: counter(
    'Changes of partitions that the coordinator made by itself: failover, handover, add-replica, remove-replica, balance.',
    ['step'],
  ),
  stratum_watches: gauge('Open watches of the topology.', []),
  stratum_watch_events_total: counter('Events sent to watches: update, fullSync, lagged, keepalive.', ['kind']),
  stratum_requests_total: counter('Calls of the coordinator service that ended; the code is OK or that of the error.', [
    'method',
    'code',
  ]),
  stratum_requests_rejected_total: counter('Calls refused by a limit, by which one.', ['reason']),

  stratum_quorum_writes_total: counter(
    'Blobs that this frontend wrote: ok, degraded (durable on enough nodes, and not on all), or failed.',
    ['level', 'result'],
  ),
  stratum_quorum_reads_total: counter(
    'Blobs that this frontend read; the result is OK or the code of the error, CANCELLED where the reader left early.',
    ['result'],
  ),
  stratum_quorum_hedges_total: counter(
    'Second replicas asked beside a late one: won (it answered first), lost, or refused (reads of late have used up the budget).',
    ['result'],
  ),
  stratum_node_writes_total: counter('Blobs sent to an object node; the result is OK or the code of the error.', [
    'node',
    'result',
  ]),
  stratum_node_reads_total: counter(
    'Blobs asked of an object node; the result is OK or the code of the error, UNKNOWN where the node cannot say.',
    ['node', 'result'],
  ),
  stratum_node_call_duration_seconds: histogram(
    'Time from a call to an object node to its answer, retries included; to its first bytes where it is a read (get).',
    ['node', 'method'],
    callBuckets,
  ),
  stratum_breaker_state: gauge(
    'Circuit breaker of an object node that has been called: 0 closed, 1 half-open, 2 open (not called for a while).',
    ['node'],
  ),
  stratum_pool_channels: gauge(
    'Channels to other processes, by the state of the connection: idle, connecting, ready, failing.',
    ['state'],
  ),
  stratum_pool_requests_total: counter('Clients asked of the pool: hit where the channel was there, miss where not.', [
    'result',
  ]),
  stratum_pool_evictions_total: counter(
    'Channels closed: error (a call failed on it), age, idle, left (no node of the topology has the address).',
    ['reason'],
  ),
  stratum_hints_pending: gauge('Copies that this frontend still owes to nodes that missed them.', []),
  stratum_hints_bytes: gauge('Bytes of the copies that are owed.', []),
  stratum_hints_total: counter(
    'Hints that ended: replayed (copied), needless (there already, or placed elsewhere now), expired, overflow, failed.',
    ['result'],
  ),

  stratum_object_requests_total: counter(
    'Calls of the object service that ended; the code is OK or that of the error. Of PutBlobs and GetBlobs each answer ' +
      'counts, and a stream only when it failed.',
    ['method', 'code'],
  ),
  stratum_object_request_duration_seconds: histogram(
    'Time that a call of the object service took, to its last byte; streams of many answers (PutBlobs, GetBlobs) excepted.',
    ['method'],
    callBuckets,
  ),
  stratum_store_bytes: gauge('Bytes of the blobs that this node stores.', []),
  stratum_store_blobs: gauge('Blobs that this node stores.', []),
  stratum_store_quarantined_blobs: gauge('Copies that were found corrupt and are kept aside.', []),
  stratum_store_free_bytes: gauge('Bytes that are free on the disk of the store.', []),
  stratum_store_sync_duration_seconds: histogram(
    'Time until a group of writes was durable on the disk.',
    [],
    syncBuckets,
  ),
  stratum_store_quarantined_total: counter('Copies that were put in quarantine.', []),

  stratum_git_requests_total: counter(
    'Git requests that a frontend answered: advertise, ls-refs, fetch, push, object-info, bundle; the result is OK or ' +
      'the code of the error.',
    ['kind', 'result'],
  ),
  stratum_pack_cache_requests_total: counter(
    'Fetches by how they were answered: hit (from a stored response), join (an equal one was being answered), miss, ' +
      'bypass (the cache has no part in it).',
    ['outcome'],
  ),
  stratum_pack_cache_hit_bytes_total: counter('Bytes sent from stored responses.', []),
  stratum_pack_cache_saved_seconds_total: counter('Time of making responses that hits and joins have saved.', []),
  stratum_pack_cache_entries: gauge('Stored responses.', []),
  stratum_pack_cache_entry_bytes: gauge('Bytes of the stored responses.', []),
  stratum_pack_cache_evictions_total: counter(
    'Stored responses that were evicted for want of space or for their age.',
    [],
  ),
  stratum_pack_cache_unstored_total: counter(
    'Responses that could not be stored: the disk was full, or they were too large.',
    [],
  ),
  stratum_pack_cache_warmed_total: counter(
    'Responses prepared after pushes: prepared, stored (it was there), dropped (the queue was full), failed.',
    ['result'],
  ),
  stratum_shared_cache_requests_total: counter(
    'Responses asked of the object nodes, where other frontends leave theirs: hit or miss.',
    ['result'],
  ),
  stratum_git_processes: gauge('Processes of git that run.', []),
  stratum_git_queue: gauge('Requests that wait for a git process.', []),
  stratum_repository_cache_repositories: gauge('Cached bare repositories.', []),
  stratum_repository_cache_bytes: gauge('Bytes of the cached bare repositories.', []),
  stratum_maintenance_runs_total: counter(
    'Repackings that this frontend ended: changed, unchanged, or the code of the error.',
    ['result'],
  ),
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

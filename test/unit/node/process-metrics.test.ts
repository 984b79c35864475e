import { describe, expect, it } from 'vitest';
import { exposeBreakers, exposePool } from '../../../src/node/expose-connections.ts';
import { exposeHints, hintMetrics } from '../../../src/node/expose-hints.ts';
import { exposeStore, storeMetrics } from '../../../src/node/expose-store.ts';
import { hedgeMetrics } from '../../../src/node/hedge-metrics.ts';
import { objectCallMetrics } from '../../../src/node/object-call-metrics.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { manualClock } from '../base/manual-clock.ts';

async function linesOf(metrics: Metrics, prefix: string): Promise<readonly string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith(prefix) && !line.includes('_bucket'));
}

describe('the metrics of a process', () => {
  it('tell of the pool of channels', async () => {
    const metrics = new Metrics();
    exposePool(metrics, {
      stats: () => ({
        size: 3,
        health: { idle: 0, connecting: 0, ready: 2, failing: 1 },
        hits: 40,
        misses: 3,
        evictions: { error: 1, age: 0, idle: 0, left: 2 },
      }),
    });
    expect(await linesOf(metrics, 'stratum_pool_')).toEqual([
      'stratum_pool_channels{state="idle"} 0',
      'stratum_pool_channels{state="connecting"} 0',
      'stratum_pool_channels{state="ready"} 2',
      'stratum_pool_channels{state="failing"} 1',
      'stratum_pool_requests_total{result="hit"} 40',
      'stratum_pool_requests_total{result="miss"} 3',
      'stratum_pool_evictions_total{reason="error"} 1',
      'stratum_pool_evictions_total{reason="age"} 0',
      'stratum_pool_evictions_total{reason="idle"} 0',
      'stratum_pool_evictions_total{reason="left"} 2',
    ]);
  });

  it('tell of hedges', async () => {
    const metrics = new Metrics();
    const observer = hedgeMetrics(metrics);
    for (const result of ['won', 'lost', 'won', 'refused'] as const) observer.hedged(result);
    expect(await linesOf(metrics, 'stratum_quorum_hedges_total')).toEqual([
      'stratum_quorum_hedges_total{result="won"} 2',
      'stratum_quorum_hedges_total{result="lost"} 1',
      'stratum_quorum_hedges_total{result="refused"} 1',
    ]);
  });

  it('tell of circuit breakers, and of none that has left', async () => {
    const metrics = new Metrics();
    const states = new Map([
      ['o1', 'closed'],
      ['o2', 'half-open'],
      ['o3', 'open'],
    ] as const);
    exposeBreakers(metrics, { breakers: () => states });
    expect(await linesOf(metrics, 'stratum_breaker_state')).toEqual([
      'stratum_breaker_state{node="o1"} 0',
      'stratum_breaker_state{node="o2"} 1',
      'stratum_breaker_state{node="o3"} 2',
    ]);
    states.clear();
    expect(await linesOf(metrics, 'stratum_breaker_state')).toEqual([]);
  });

  it('tell of the store and its disk', async () => {
    const metrics = new Metrics();
    const stats = { blobCount: 2, storedBytes: 10, quarantinedCount: 1, freeBytes: 99, capacityBytes: 100 };
    exposeStore(metrics, { stats: async () => stats });
    const observer = storeMetrics(metrics);
    observer.synced(4);
    observer.quarantined();
    expect(await linesOf(metrics, 'stratum_store_')).toEqual([
      'stratum_store_bytes 10',
      'stratum_store_blobs 2',
      'stratum_store_quarantined_blobs 1',
      'stratum_store_free_bytes 99',
      'stratum_store_sync_duration_seconds_sum 0.004',
      'stratum_store_sync_duration_seconds_count 1',
      'stratum_store_quarantined_total 1',
    ]);
  });

  it('tell of hints', async () => {
    const metrics = new Metrics();
    exposeHints(metrics, { stats: () => ({ pending: 5, bytes: 500, oldestAgeMs: 1, dropped: 0, replayed: 0 }) });
    hintMetrics(metrics).ended('replayed', 7);
    expect(await linesOf(metrics, 'stratum_hints_')).toEqual([
      'stratum_hints_pending 5',
      'stratum_hints_bytes 500',
      'stratum_hints_total{result="replayed"} 7',
    ]);
  });

  it('tell of the calls of the object service: of streams by their answers', async () => {
    const metrics = new Metrics();
    const clock = manualClock();
    const observer = objectCallMetrics({ clock, metrics });
    const put = observer.serving({ method: 'PutBlob', isBidirectional: false, traceparent: undefined });
    clock.advance(20);
    put.ended('DISK_FULL');
    for (const code of ['OK', 'CANCELLED', 'STALE_TERM']) {
      const stream = observer.serving({ method: 'PutBlobs', isBidirectional: true, traceparent: undefined });
      stream.answered?.();
      stream.ended(code);
    }
    expect(await linesOf(metrics, 'stratum_object_')).toEqual([
      'stratum_object_requests_total{method="PutBlob",code="DISK_FULL"} 1',
      'stratum_object_requests_total{method="PutBlobs",code="OK"} 3',
      'stratum_object_requests_total{method="PutBlobs",code="STALE_TERM"} 1',
      'stratum_object_request_duration_seconds_sum{method="PutBlob"} 0.02',
      'stratum_object_request_duration_seconds_count{method="PutBlob"} 1',
    ]);
  });
});

import type { BlobStoreStats } from '../store/blob-store.ts';
import type { StoreObserver } from '../store/store-observer.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Lets the metrics read what an object node stores. */
export function exposeStore(metrics: Metrics, store: { stats(): Promise<BlobStoreStats> }): void {
  const read = (of: (stats: BlobStoreStats) => number) => async () => [{ labels: {}, value: of(await store.stats()) }];
  metrics.gauge(
    'stratum_store_bytes',
    read((stats) => stats.storedBytes),
  );
  metrics.gauge(
    'stratum_store_blobs',
    read((stats) => stats.blobCount),
  );
  metrics.gauge(
    'stratum_store_quarantined_blobs',
    read((stats) => stats.quarantinedCount),
  );
  metrics.gauge(
    'stratum_store_free_bytes',
    read((stats) => stats.freeBytes),
  );
}

/** Counts what a store tells of its disk. */
export function storeMetrics(metrics: Metrics): StoreObserver {
  return {
    synced: (durationMs) => metrics.observe('stratum_store_sync_duration_seconds', {}, durationMs / 1_000),
    quarantined: () => metrics.increment('stratum_store_quarantined_total', {}),
  };
}

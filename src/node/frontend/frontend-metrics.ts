import type { ErrorCode } from '../../base/error-codes.ts';
import type { CacheStats } from '../../client/frontend-api.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { FetchObserver } from './fetch-observer.ts';

/** What a Git request asks for. */
export type GitRequestKind = 'advertise' | 'ls-refs' | 'fetch' | 'push' | 'object-info' | 'bundle';

/** Is told what a frontend does, of which its own counts (CacheStats) say nothing or not enough. */
export interface FrontendObserver extends Pick<FetchObserver, 'warmed'> {
  /** A Git request was answered, or failed. */
  answered(kind: GitRequestKind, result: 'OK' | ErrorCode): void;
  /** A repacking ended. */
  maintained(result: 'changed' | 'unchanged' | ErrorCode): void;
}

/** Counts what a frontend does. */
export function frontendMetrics(metrics: Metrics): FrontendObserver {
  return {
    answered: (kind, result) => metrics.increment('stratum_git_requests_total', { kind, result }),
    warmed: (result) => metrics.increment('stratum_pack_cache_warmed_total', { result }),
    maintained: (result) => metrics.increment('stratum_maintenance_runs_total', { result }),
  };
}

/** Lets the metrics read what a frontend's caches hold and have done, and how many requests wait for git. */
export function exposeFrontend(metrics: Metrics, frontend: { stats(): CacheStats }): void {
  const read = (value: (stats: CacheStats) => number) => () => [{ labels: {}, value: value(frontend.stats()) }];
  metrics.total('stratum_pack_cache_requests_total', () => {
    const { hits, joins, misses, bypasses } = frontend.stats();
    return [
      { labels: { outcome: 'hit' }, value: hits },
      { labels: { outcome: 'join' }, value: joins },
      { labels: { outcome: 'miss' }, value: misses },
      { labels: { outcome: 'bypass' }, value: bypasses },
    ];
  });
  metrics.total('stratum_shared_cache_requests_total', () => {
    const { sharedHits, sharedMisses } = frontend.stats();
    return [
      { labels: { result: 'hit' }, value: sharedHits },
      { labels: { result: 'miss' }, value: sharedMisses },
    ];
  });
  metrics.total(
    'stratum_pack_cache_hit_bytes_total',
    read(({ hitBytes }) => hitBytes),
  );
  metrics.total(
    'stratum_pack_cache_saved_seconds_total',
    read(({ savedMs }) => savedMs / 1_000),
  );
  metrics.total(
    'stratum_pack_cache_evictions_total',
    read(({ evictions }) => evictions),
  );
  metrics.total(
    'stratum_pack_cache_unstored_total',
    read(({ unstored }) => unstored),
  );
  metrics.gauge(
    'stratum_pack_cache_entries',
    read(({ entries }) => entries),
  );
  metrics.gauge(
    'stratum_pack_cache_entry_bytes',
    read(({ entryBytes }) => entryBytes),
  );
  metrics.gauge(
    'stratum_git_processes',
    read(({ gitProcesses }) => gitProcesses),
  );
  metrics.gauge(
    'stratum_git_queue',
    read(({ gitQueue }) => gitQueue),
  );
  metrics.gauge(
    'stratum_repository_cache_repositories',
    read(({ repositories }) => repositories),
  );
  metrics.gauge(
    'stratum_repository_cache_bytes',
    read(({ repositoryBytes }) => repositoryBytes),
  );
}

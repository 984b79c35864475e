import { describe, expect, it } from 'vitest';
import { exposeFrontend, frontendMetrics } from '../../../../src/node/frontend/frontend-metrics.ts';
import { Metrics } from '../../../../src/telemetry/metrics.ts';
import { sampleStats } from '../../cli/fake-frontend.ts';

async function valuesOf(metrics: Metrics): Promise<readonly string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => /^stratum_(git|pack_cache|shared_cache|repository_cache|maintenance)_/.test(line));
}

describe('the metrics of a frontend', () => {
  it('count requests, prepared responses and repackings by how they ended', async () => {
    const metrics = new Metrics();
    const observer = frontendMetrics(metrics);
    observer.answered('fetch', 'OK');
    observer.answered('fetch', 'OK');
    observer.answered('push', 'OVERLOADED');
    observer.warmed('prepared');
    observer.maintained('VERSION_CONFLICT');
    expect(await valuesOf(metrics)).toEqual(
      expect.arrayContaining([
        'stratum_git_requests_total{kind="fetch",result="OK"} 2',
        'stratum_git_requests_total{kind="push",result="OVERLOADED"} 1',
        'stratum_pack_cache_warmed_total{result="prepared"} 1',
        'stratum_maintenance_runs_total{result="VERSION_CONFLICT"} 1',
      ]),
    );
  });

  it('are what the caches hold and have done when somebody looks', async () => {
    const metrics = new Metrics();
    let stats = sampleStats({ hits: 1 });
    exposeFrontend(metrics, { stats: () => stats });
    expect(await valuesOf(metrics)).toContain('stratum_pack_cache_requests_total{outcome="hit"} 1');
    stats = sampleStats({
      hits: 2,
      joins: 3,
      misses: 4,
      bypasses: 5,
      sharedHits: 6,
      sharedMisses: 7,
      hitBytes: 8,
      savedMs: 9_500,
      entries: 10,
      entryBytes: 11,
      repositories: 12,
      repositoryBytes: 13,
      gitProcesses: 14,
      gitQueue: 15,
      evictions: 16,
      unstored: 17,
    });
    expect((await valuesOf(metrics)).toSorted()).toEqual([
      'stratum_git_processes 14',
      'stratum_git_queue 15',
      'stratum_pack_cache_entries 10',
      'stratum_pack_cache_entry_bytes 11',
      'stratum_pack_cache_evictions_total 16',
      'stratum_pack_cache_hit_bytes_total 8',
      'stratum_pack_cache_requests_total{outcome="bypass"} 5',
      'stratum_pack_cache_requests_total{outcome="hit"} 2',
      'stratum_pack_cache_requests_total{outcome="join"} 3',
      'stratum_pack_cache_requests_total{outcome="miss"} 4',
      'stratum_pack_cache_saved_seconds_total 9.5',
      'stratum_pack_cache_unstored_total 17',
      'stratum_repository_cache_bytes 13',
      'stratum_repository_cache_repositories 12',
      'stratum_shared_cache_requests_total{result="hit"} 6',
      'stratum_shared_cache_requests_total{result="miss"} 7',
    ]);
  });
});

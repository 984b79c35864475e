import { formatBytes, formatDuration } from '../../base/units.ts';
import type { CacheStats } from '../../client/frontend-api.ts';
import type { Listing, Source, Unreachable } from '../output/envelope.ts';
import { percent } from '../percent.ts';

/** The caches of a frontend, or of all together, in JSON; counts are since the start of the process. */
export interface CacheStatsItem extends CacheStats {
  readonly nodeId: string;
  /** Share of the fetches with a part for the cache that needed no work of their own; null before the first one. */
  readonly hitRatio: number | null;
}

/** The JSON form of a frontend's caches. */
export function cacheStatsItem(nodeId: string, stats: CacheStats): CacheStatsItem {
  const { hits, joins, misses } = stats;
  const asked = hits + joins + misses;
  return { nodeId, hitRatio: asked === 0 ? null : (hits + joins) / asked, ...stats };
}

/** A row for each frontend, and below several of them their sum, which is the envelope's `total`. */
export function cacheStatsListing(
  items: readonly CacheStatsItem[],
  source: Source,
  unreachable: readonly Unreachable[],
): Listing<CacheStatsItem> {
  const total = sumOf(items);
  const { nodeId: _, ...sum } = total;
  return {
    kind: 'CacheStatsList',
    source,
    items,
    rows: items.length > 1 ? [...items, total] : items,
    columns: [
      { header: 'frontend', value: ({ nodeId }) => nodeId },
      { header: 'hits', value: ({ hits }) => hits, right: true },
      { header: 'joins', value: ({ joins }) => joins, right: true },
      { header: 'misses', value: ({ misses }) => misses, right: true },
      { header: 'ratio', value: ({ hitRatio }) => (hitRatio === null ? '-' : percent(hitRatio)), right: true },
      { header: 'sent', value: ({ hitBytes }) => formatBytes(hitBytes), right: true },
      { header: 'saved', value: ({ savedMs }) => formatDuration(savedMs), right: true },
      { header: 'entries', value: ({ entries }) => entries, right: true },
      { header: 'size', value: ({ entryBytes, entryBytesMax }) => usage(entryBytes, entryBytesMax), right: true },
      { header: 'git', value: ({ gitProcesses }) => gitProcesses, right: true },
      { header: 'queue', value: ({ gitQueue }) => gitQueue, right: true },
      { header: 'bypasses', value: ({ bypasses }) => bypasses, wide: true, right: true },
      { header: 'shared', value: ({ sharedHits }) => sharedHits, wide: true, right: true },
      { header: 'unshared', value: ({ sharedMisses }) => sharedMisses, wide: true, right: true },
      { header: 'warmed', value: ({ warmed }) => warmed, wide: true, right: true },
      { header: 'evicted', value: ({ evictions }) => evictions, wide: true, right: true },
      { header: 'unstored', value: ({ unstored }) => unstored, wide: true, right: true },
      { header: 'repos', value: ({ repositories }) => repositories, wide: true, right: true },
      {
        header: 'repo-size',
        value: ({ repositoryBytes, repositoryBytesMax }) => usage(repositoryBytes, repositoryBytesMax),
        wide: true,
        right: true,
      },
    ],
    name: ({ nodeId }) => `cache/${nodeId}`,
    unreachable,
    extra: { total: sum },
    ...(unreachable.length === 0 ? { emptyText: 'no frontend has registered yet' } : {}),
  };
}

function sumOf(items: readonly CacheStatsItem[]): CacheStatsItem {
  const sum = (value: (item: CacheStatsItem) => number) => items.reduce((total, item) => total + value(item), 0);
  return cacheStatsItem('total', {
    hits: sum(({ hits }) => hits),
    joins: sum(({ joins }) => joins),
    misses: sum(({ misses }) => misses),
    bypasses: sum(({ bypasses }) => bypasses),
    sharedHits: sum(({ sharedHits }) => sharedHits),
    sharedMisses: sum(({ sharedMisses }) => sharedMisses),
    hitBytes: sum(({ hitBytes }) => hitBytes),
    savedMs: sum(({ savedMs }) => savedMs),
    entries: sum(({ entries }) => entries),
    entryBytes: sum(({ entryBytes }) => entryBytes),
    entryBytesMax: sum(({ entryBytesMax }) => entryBytesMax),
    repositories: sum(({ repositories }) => repositories),
    repositoryBytes: sum(({ repositoryBytes }) => repositoryBytes),
    repositoryBytesMax: sum(({ repositoryBytesMax }) => repositoryBytesMax),
    gitProcesses: sum(({ gitProcesses }) => gitProcesses),
    gitQueue: sum(({ gitQueue }) => gitQueue),
    warmed: sum(({ warmed }) => warmed),
    evictions: sum(({ evictions }) => evictions),
    unstored: sum(({ unstored }) => unstored),
  });
}

function usage(bytes: number, bytesMax: number): string {
  return `${formatBytes(bytes)} of ${formatBytes(bytesMax)}`;
}

import { formatBytes } from '../../base/units.ts';
import type { CacheExplanation, CacheVerdict } from '../../client/frontend-api.ts';
import type { Listing, Source, Unreachable } from '../output/envelope.ts';
import { toTime } from '../output/json.ts';

/** What a frontend says of the next clone, in JSON. */
export interface CacheVerdictItem {
  readonly nodeId: string;
  readonly verdict: CacheVerdict;
  readonly reason: string;
  /** 64 hex; empty where the response is never kept. */
  readonly key: string;
  readonly ref: string;
  readonly objectId: string;
  /** Null where nothing is stored. */
  readonly sizeBytes: number | null;
  /** Empty where nothing is stored. */
  readonly storedAt: string;
  readonly usedAt: string;
}

/** The JSON form of what a frontend says. */
export function cacheVerdictItem(nodeId: string, explanation: CacheExplanation): CacheVerdictItem {
  const { verdict, reason, key = '', ref, objectId, entry } = explanation;
  const times = { storedAt: toTime(entry?.storedAtMs ?? 0), usedAt: toTime(entry?.usedAtMs ?? 0) };
  return { nodeId, verdict, reason, key, ref, objectId, sizeBytes: entry?.sizeBytes ?? null, ...times };
}

/** What each frontend says of the next clone. */
export function cacheVerdictListing(
  items: readonly CacheVerdictItem[],
  source: Source,
  unreachable: readonly Unreachable[],
): Listing<CacheVerdictItem> {
  return {
    kind: 'CacheVerdictList',
    source,
    items,
    rows: items,
    columns: [
      { header: 'frontend', value: ({ nodeId }) => nodeId },
      { header: 'verdict', value: ({ verdict }) => verdict },
      { header: 'size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatBytes(sizeBytes)), right: true },
      { header: 'object', value: ({ objectId }) => objectId.slice(0, 12) },
      { header: 'reason', value: ({ reason }) => reason },
      { header: 'ref', value: ({ ref }) => ref, wide: true },
      { header: 'key', value: ({ key }) => key, wide: true },
      { header: 'stored', value: ({ storedAt }) => storedAt, wide: true },
      { header: 'used', value: ({ usedAt }) => usedAt, wide: true },
    ],
    name: ({ nodeId }) => `cache/${nodeId}`,
    unreachable,
    ...(unreachable.length === 0 ? { emptyText: 'no frontend has registered yet' } : {}),
  };
}

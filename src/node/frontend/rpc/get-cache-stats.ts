import type { GetCacheStatsRequest, GetCacheStatsResponse } from '../../../rpc/gen/stratum/v1/frontend.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { FrontendRpcModules } from '../frontend-control.ts';

/** FrontendService.GetCacheStats: counts and sizes of this frontend's caches. */
export function getCacheStats({
  nodeId,
  control,
}: FrontendRpcModules): UnaryHandler<GetCacheStatsRequest, GetCacheStatsResponse> {
  return async () => {
    const stats = control.stats();
    return {
      nodeId,
      hits: BigInt(stats.hits),
      joins: BigInt(stats.joins),
      misses: BigInt(stats.misses),
      bypasses: BigInt(stats.bypasses),
      sharedHits: BigInt(stats.sharedHits),
      sharedMisses: BigInt(stats.sharedMisses),
      hitBytes: BigInt(stats.hitBytes),
      savedMs: BigInt(Math.trunc(stats.savedMs)),
      entries: BigInt(stats.entries),
      entryBytes: BigInt(stats.entryBytes),
      entryBytesMax: BigInt(stats.entryBytesMax),
      repositories: BigInt(stats.repositories),
      repositoryBytes: BigInt(stats.repositoryBytes),
      repositoryBytesMax: BigInt(stats.repositoryBytesMax),
      gitProcesses: stats.gitProcesses,
      gitQueue: stats.gitQueue,
      warmed: BigInt(stats.warmed),
      evictions: BigInt(stats.evictions),
      unstored: BigInt(stats.unstored),
    };
  };
}

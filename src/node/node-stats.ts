import type { Clock } from '../base/clock.ts';
import type { NodeStats } from '../rpc/gen/stratum/v1/types.ts';

/** What the roles of a process can say of their load; a role that the process lacks says nothing. */
export interface StatsSources {
  readonly object?: () => Promise<{ blobCount: number; storedBytes: number; freeBytes: number }>;
  readonly metadata?: () => Promise<{ repoCount: bigint }>;
  readonly frontend?: () => { gitRequests: number; cacheHits: number; cacheMisses: number };
}

/** Collects the figures that heartbeats carry. */
export function nodeStats(sources: StatsSources, modules: { readonly clock: Clock }): () => Promise<NodeStats> {
  const startedMs = modules.clock.monotonicMs();
  return async () => {
    const [object, metadata] = await Promise.all([sources.object?.(), sources.metadata?.()]);
    const frontend = sources.frontend?.();
    return {
      storedBytes: BigInt(object?.storedBytes ?? 0),
      blobCount: BigInt(object?.blobCount ?? 0),
      freeBytes: BigInt(object?.freeBytes ?? 0),
      repoCount: BigInt(metadata?.repoCount ?? 0),
      gitRequests: BigInt(frontend?.gitRequests ?? 0),
      residentBytes: BigInt(process.memoryUsage.rss()),
      uptimeMs: BigInt(Math.round(modules.clock.monotonicMs() - startedMs)),
      cacheHits: BigInt(frontend?.cacheHits ?? 0),
      cacheMisses: BigInt(frontend?.cacheMisses ?? 0),
    };
  };
}

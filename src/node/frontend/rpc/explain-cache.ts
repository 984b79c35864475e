import {
  CacheVerdict,
  type ExplainCacheRequest,
  type ExplainCacheResponse,
} from '../../../rpc/gen/stratum/v1/frontend.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { cloneQuestion } from '../clone-question.ts';
import type { FrontendRpcModules } from '../frontend-control.ts';

const verdicts = { hit: CacheVerdict.HIT, join: CacheVerdict.JOIN, miss: CacheVerdict.MISS } as const;

/** FrontendService.ExplainCache: what the next shallow clone of a ref would meet here, and why. */
export function explainCache({
  nodeId,
  control,
}: FrontendRpcModules): UnaryHandler<ExplainCacheRequest, ExplainCacheResponse> {
  return async (request, { signal }) => {
    const { verdict, reason, key, ref, objectId, entry } = await control.explain(cloneQuestion(request), signal);
    return {
      nodeId,
      verdict: verdicts[verdict],
      reason,
      key: Buffer.from(key ?? '', 'hex'),
      ref,
      objectId,
      size: BigInt(entry?.sizeBytes ?? 0),
      storedAtMs: BigInt(Math.trunc(entry?.storedAtMs ?? 0)),
      usedAtMs: BigInt(Math.trunc(entry?.usedAtMs ?? 0)),
    };
  };
}

import type { WarmCacheRequest, WarmCacheResponse } from '../../../rpc/gen/stratum/v1/frontend.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { cloneQuestion } from '../clone-question.ts';
import type { FrontendRpcModules } from '../frontend-control.ts';

/** FrontendService.WarmCache: has the response to a shallow clone stored before anybody asks for it. */
export function warmCache({ nodeId, control }: FrontendRpcModules): UnaryHandler<WarmCacheRequest, WarmCacheResponse> {
  return async (request, { signal }) => {
    const { wasStored, sizeBytes, ref, objectId } = await control.warm(cloneQuestion(request), signal);
    return { nodeId, wasStored, size: BigInt(sizeBytes), ref, objectId };
  };
}

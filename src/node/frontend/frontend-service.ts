import type { FrontendServiceServer } from '../../rpc/gen/stratum/v1/frontend.ts';
import { serverStream, unary } from '../../rpc/handlers.ts';
import type { FrontendRpcModules } from './frontend-control.ts';
import { explainCache } from './rpc/explain-cache.ts';
import { getCacheStats } from './rpc/get-cache-stats.ts';
import { maintainRepo } from './rpc/maintain-repo.ts';
import { purgeCache } from './rpc/purge-cache.ts';
import { warmCache } from './rpc/warm-cache.ts';

/** The service of a frontend for operators, as the gRPC listener takes it. */
export function frontendService(modules: FrontendRpcModules): FrontendServiceServer {
  return {
    getCacheStats: unary(getCacheStats(modules)),
    explainCache: unary(explainCache(modules)),
    warmCache: unary(warmCache(modules)),
    purgeCache: unary(purgeCache(modules)),
    maintainRepo: serverStream(maintainRepo(modules)),
  };
}

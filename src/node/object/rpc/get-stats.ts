import { encodeFence } from '../../../rpc/fence-codec.ts';
import type { GetStatsRequest, GetStatsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { ObjectModules } from '../object-modules.ts';

/** ObjectService.GetStats: counts and sizes of this node. */
export function getStats({ nodeId, store, fence }: ObjectModules): UnaryHandler<GetStatsRequest, GetStatsResponse> {
  return async () => {
    const stats = await store.stats();
    return {
      nodeId,
      blobCount: BigInt(stats.blobCount),
      storedBytes: BigInt(stats.storedBytes),
      freeBytes: BigInt(stats.freeBytes),
      capacityBytes: BigInt(stats.capacityBytes),
      quarantinedCount: BigInt(stats.quarantinedCount),
      fence: encodeFence(fence.highest),
    };
  };
}

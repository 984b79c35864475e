import type { GetHashRingRequest, GetHashRingResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { HashRing } from '../../../topology/hash-ring.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.GetHashRing. */
export function getHashRing({
  consensus,
}: Pick<CoordinatorModules, 'consensus'>): UnaryHandler<GetHashRingRequest, GetHashRingResponse> {
  return async () => {
    const { ring, version } = consensus.current();
    return {
      entries: [...HashRing.of(ring).entries()],
      replicationFactor: ring.replicationFactor,
      ringEpoch: ring.epoch,
      version,
    };
  };
}

import type { GetTopologyRequest, GetTopologyResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { encodeTopology } from '../../../rpc/topology-codec.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.GetTopology. */
export function getTopology({
  consensus,
}: Pick<CoordinatorModules, 'consensus'>): UnaryHandler<GetTopologyRequest, GetTopologyResponse> {
  return async ({ minVersion, linearizable }) => {
    if (linearizable) await consensus.confirmLeadership();
    const topology = consensus.current();
    const { version } = topology;
    return { topology: version > minVersion ? encodeTopology(topology) : undefined, version };
  };
}

import type { GetLeaderRequest, GetLeaderResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.GetLeader. */
export function getLeader({
  consensus,
  nodeId,
}: Pick<CoordinatorModules, 'consensus' | 'nodeId'>): UnaryHandler<GetLeaderRequest, GetLeaderResponse> {
  return async () => {
    const { leaderId = '', leaderAddress = '', term, isLeader } = consensus.leadership();
    return { leaderId, leaderAddress, term, isLeader, nodeId, version: consensus.current().version };
  };
}

import type { GetConsensusStatusRequest, GetConsensusStatusResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.GetConsensusStatus. */
export function getConsensusStatus({
  consensus,
}: Pick<CoordinatorModules, 'consensus'>): UnaryHandler<GetConsensusStatusRequest, GetConsensusStatusResponse> {
  return async () => {
    const status = await consensus.status();
    return { ...status, members: status.members.map((member) => ({ ...member })) };
  };
}

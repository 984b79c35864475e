import type { GetConsensusStatusRequest, GetConsensusStatusResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { knownTopology } from '../known-topology.ts';

/**
 * CoordinatorService.GetConsensusStatus. Also answered before a topology is known, with version 0: it
 * is what tells people why there is none.
 */
export function getConsensusStatus({
  consensus,
  nodeId,
}: Pick<CoordinatorModules, 'consensus' | 'nodeId'>): UnaryHandler<
  GetConsensusStatusRequest,
  GetConsensusStatusResponse
> {
  return async () => {
    const status = await consensus.status();
    const { isLeader, term } = consensus.leadership();
    return {
      ...status,
      alarms: [...status.alarms],
      members: status.members.map((member) => ({ ...member })),
      nodeId,
      isLeader,
      term,
      version: knownTopology(consensus)?.version ?? 0n,
      ageMs: BigInt(Math.floor(consensus.ageMs())),
    };
  };
}

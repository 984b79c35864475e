import type {
  RemoveConsensusMemberRequest,
  RemoveConsensusMemberResponse,
} from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { validateMemberId } from '../../../topology/validate-member.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** CoordinatorService.RemoveConsensusMember. */
export function removeConsensusMember({
  consensus,
  log,
}: CoordinatorModules): UnaryHandler<RemoveConsensusMemberRequest, RemoveConsensusMemberResponse> {
  return async ({ nodeId, audit }) => {
    validateMemberId(nodeId, 'node_id');
    const by = requesterOf(audit);
    assertLeading(consensus);
    const { changed, members } = await consensus.removeMember(nodeId);
    if (changed) log.info({ member: nodeId, by }, 'a member was removed from the consensus engine');
    return { removed: changed, members: members.map((member) => ({ ...member })) };
  };
}

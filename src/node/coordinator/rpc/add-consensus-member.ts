import type { AddConsensusMemberRequest, AddConsensusMemberResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { validatePeerAddress } from '../../../topology/validate-member.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** CoordinatorService.AddConsensusMember. */
export function addConsensusMember({
  consensus,
  log,
}: CoordinatorModules): UnaryHandler<AddConsensusMemberRequest, AddConsensusMemberResponse> {
  return async ({ nodeId, peerAddress, audit }) => {
    validateNodeId(nodeId, 'node_id');
    validatePeerAddress(peerAddress, 'peer_address');
    const by = requesterOf(audit);
    assertLeading(consensus);
    const { changed, members } = await consensus.addMember({ nodeId, peerAddress });
    if (changed) log.info({ member: nodeId, peerAddress, by }, 'a member was added to the consensus engine');
    return { alreadyMember: !changed, members: members.map((member) => ({ ...member })) };
  };
}

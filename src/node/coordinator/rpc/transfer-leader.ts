import type { TransferLeaderRequest, TransferLeaderResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** CoordinatorService.TransferLeader. Answers when the new leader leads; an empty target leaves the choice to this one. */
export function transferLeader({
  consensus,
  log,
}: CoordinatorModules): UnaryHandler<TransferLeaderRequest, TransferLeaderResponse> {
  return async ({ targetId, audit }) => {
    if (targetId !== '') validateNodeId(targetId, 'target_id');
    const by = requesterOf(audit);
    assertLeading(consensus);
    const before = consensus.leadership().term;
    // Told before it is done: afterwards this coordinator may be in the middle of its end.
    log.info({ target: targetId, term: before, by }, 'is asked to hand leadership over');
    const { leaderId = '', term } = await consensus.transfer(targetId === '' ? undefined : targetId);
    if (term !== before) log.info({ leader: leaderId, term, by }, 'leadership was handed over');
    return { leaderId, term };
  };
}

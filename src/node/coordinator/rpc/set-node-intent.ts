import type { SetNodeIntentRequest, SetNodeIntentResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { decodeIntent } from '../../../rpc/topology-codec.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** CoordinatorService.SetNodeIntent. No intent of this version takes a task: what it changes, it changes at once. */
export function setNodeIntent({
  consensus,
  clock,
  log,
}: CoordinatorModules): UnaryHandler<SetNodeIntentRequest, SetNodeIntentResponse> {
  return async ({ nodeId, intent: wireIntent, expectedVersion, audit }) => {
    validateNodeId(nodeId, 'node_id');
    const intent = decodeIntent(wireIntent);
    const by = requesterOf(audit);
    assertLeading(consensus);
    const { topology, update } = await consensus.propose({
      kind: 'set-node-intent',
      atMs: clock.nowMs(),
      nodeId,
      intent,
      expectedVersion: expectedVersion === 0n ? undefined : expectedVersion,
      by,
    });
    if (update !== undefined) log.info({ node: nodeId, intent, version: update.version, by }, update.reason);
    return { version: topology.version, taskId: '' };
  };
}

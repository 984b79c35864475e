import type { DeregisterNodeRequest, DeregisterNodeResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.DeregisterNode. */
export function deregisterNode({
  consensus,
  clock,
  log,
}: CoordinatorModules): UnaryHandler<DeregisterNodeRequest, DeregisterNodeResponse> {
  return async ({ nodeId, generationId }) => {
    validateNodeId(nodeId, 'node_id');
    assertLeading(consensus);
    const command = { kind: 'deregister-node', atMs: clock.nowMs(), nodeId, generationId } as const;
    const { topology, update } = await consensus.propose(command);
    if (update !== undefined) log.info({ node: nodeId, version: update.version }, update.reason);
    return { removed: update !== undefined, version: topology.version };
  };
}

import { StratumError } from '../../../base/errors.ts';
import type { RegisterNodeRequest, RegisterNodeResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { decodeRegistration } from '../../../rpc/topology-codec.ts';
import { validateRegistration } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.RegisterNode. */
export function registerNode({
  consensus,
  heartbeats,
  clock,
  log,
}: CoordinatorModules): UnaryHandler<RegisterNodeRequest, RegisterNodeResponse> {
  return async (request) => {
    if (request.node === undefined) {
      const details = { field: 'node', reason: 'missing', expected: 'the node as it describes itself' };
      throw new StratumError('INVALID_ARGUMENT', 'node is missing', details);
    }
    const node = decodeRegistration(request.node);
    validateRegistration(node);
    assertLeading(consensus);
    const { afterCleanStop } = request;
    const command = { kind: 'register-node', atMs: clock.nowMs(), node, afterCleanStop } as const;
    const { topology, update } = await consensus.propose(command);
    heartbeats.registered(node.id, node.generationId);
    if (update !== undefined) log.info({ node: node.id, version: update.version }, update.reason);
    return {
      alreadyRegistered: update === undefined,
      clusterId: topology.clusterId,
      version: topology.version,
      heartbeatIntervalMs: BigInt(topology.settings.heartbeatIntervalMs),
    };
  };
}

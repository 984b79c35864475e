import type { SetRingConfigRequest, SetRingConfigResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { invalidArgument } from '../../../topology/invalid-argument.ts';
import { validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** As many nodes as the ring of the largest cluster has, ten times over. */
const weightsMax = 10_000;

/** CoordinatorService.SetRingConfig. 0 stands for what is to stay. */
export function setRingConfig({
  consensus,
  clock,
  log,
}: CoordinatorModules): UnaryHandler<SetRingConfigRequest, SetRingConfigResponse> {
  return async ({ expectedEpoch, replicationFactor, writeQuorum, weights, audit }) => {
    const by = requesterOf(audit);
    const byNode = Object.entries(weights);
    if (byNode.length > weightsMax) {
      throw invalidArgument('weights', `${byNode.length} entries`, `at most ${weightsMax}`);
    }
    for (const [nodeId] of byNode) validateNodeId(nodeId, 'weights');
    assertLeading(consensus);
    const { topology, update } = await consensus.propose({
      kind: 'set-ring-config',
      atMs: clock.nowMs(),
      expectedEpoch,
      replicationFactor: replicationFactor === 0 ? undefined : replicationFactor,
      writeQuorum: writeQuorum === 0 ? undefined : writeQuorum,
      weights: new Map(byNode),
      by,
    });
    if (update !== undefined) log.info({ version: update.version, by }, update.reason);
    return { version: topology.version, taskId: '' };
  };
}

import type { PlanPartitionsRequest, PlanPartitionsResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { encodePartition } from '../../../rpc/topology-codec.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.PlanPartitions. The leader's, for it alone knows the heartbeats; nothing is done. */
export function planPartitions({
  consensus,
  partitions,
}: Pick<CoordinatorModules, 'consensus' | 'partitions'>): UnaryHandler<PlanPartitionsRequest, PlanPartitionsResponse> {
  return async () => {
    assertLeading(consensus);
    const { version } = consensus.current();
    const { changes, deferred } = partitions.plan();
    return {
      changes: changes.map((change) => ({ ...change, partition: encodePartition(change.partition) })),
      deferred: deferred.map((each) => ({ ...each })),
      version,
    };
  };
}

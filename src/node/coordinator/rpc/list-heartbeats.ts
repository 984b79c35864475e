import type { ListHeartbeatsRequest, ListHeartbeatsResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { encodeReportedState } from '../../../rpc/topology-codec.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** CoordinatorService.ListHeartbeats. */
export function listHeartbeats({
  consensus,
  heartbeats,
}: CoordinatorModules): UnaryHandler<ListHeartbeatsRequest, ListHeartbeatsResponse> {
  return async () => {
    assertLeading(consensus);
    const { nodes, settings } = consensus.current();
    const records = [...nodes.keys()].map((nodeId) => {
      const entry = heartbeats.entries.get(nodeId);
      const { suspectTimeoutMs, downTimeoutMs, flapCount } = heartbeats.timeouts(nodeId, settings);
      return {
        nodeId,
        ageMs: BigInt(Math.floor(heartbeats.ageMs(nodeId))),
        flapCount,
        reportedState: encodeReportedState(entry?.reportedState ?? 'STARTING'),
        stats: entry?.stats,
        knownVersion: entry?.knownVersion ?? 0n,
        suspectTimeoutMs: BigInt(suspectTimeoutMs),
        downTimeoutMs: BigInt(downTimeoutMs),
      };
    });
    return { records };
  };
}

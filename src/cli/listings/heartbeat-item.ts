import type { NodeHeartbeat } from '../connection.ts';

/** The JSON form of what the leader remembers of a node. */
export function heartbeatItem(heartbeat: NodeHeartbeat) {
  const { ageMs, suspectTimeoutMs, downTimeoutMs, flapCount, reportedState, knownVersion } = heartbeat;
  const { uptimeMs, storedBytes, freeBytes, blobCount, repoCount, gitRequests, residentBytes } = heartbeat;
  return {
    ageMs,
    suspectTimeoutMs,
    downTimeoutMs,
    flapCount,
    reportedState,
    knownVersion,
    stats: { uptimeMs, storedBytes, freeBytes, blobCount, repoCount, gitRequests, residentBytes },
  };
}

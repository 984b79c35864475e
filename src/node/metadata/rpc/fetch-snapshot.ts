import type { FetchSnapshotRequest, FetchSnapshotResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { ServerStreamHandler } from '../../../rpc/handlers.ts';
import type { ReplicationHandlers } from '../replication/replication-handlers.ts';

/** ReplicationService.FetchSnapshot: NOT_PRIMARY where this node is not the primary of the partition. */
export function fetchSnapshot(
  replicas: ReplicationHandlers,
): ServerStreamHandler<FetchSnapshotRequest, FetchSnapshotResponse> {
  return (request) => replicas.fetchSnapshot(request);
}

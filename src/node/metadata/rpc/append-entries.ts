import type { AppendEntriesRequest, AppendEntriesResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { ReplicationHandlers } from '../replication/replication-handlers.ts';

/** ReplicationService.AppendEntries: answered when what fits is on disk; what does not fit says why in its own answer. */
export function appendEntries(
  replicas: ReplicationHandlers,
): UnaryHandler<AppendEntriesRequest, AppendEntriesResponse> {
  return (request) => replicas.appendEntries(request);
}

import type { ReplicationServiceServer } from '../../rpc/gen/stratum/v1/metadata.ts';
import { serverStream, unary } from '../../rpc/handlers.ts';
import type { ReplicationHandlers } from './replication/replication-handlers.ts';
import { appendEntries } from './rpc/append-entries.ts';
import { beacon } from './rpc/beacon.ts';
import { fetchSnapshot } from './rpc/fetch-snapshot.ts';

/** ReplicationService as the gRPC listener takes it. */
export function replicationService(handlers: ReplicationHandlers): ReplicationServiceServer {
  return {
    appendEntries: unary(appendEntries(handlers)),
    beacon: unary(beacon(handlers)),
    fetchSnapshot: serverStream(fetchSnapshot(handlers)),
  };
}

import type { BeaconRequest, BeaconResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { ReplicationHandlers } from '../replication/replication-handlers.ts';

/** ReplicationService.Beacon: never waits for anything, for a lease hangs on it. */
export function beacon(replicas: ReplicationHandlers): UnaryHandler<BeaconRequest, BeaconResponse> {
  return (request) => replicas.beacon(request);
}

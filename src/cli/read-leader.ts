import type { ClusterConnection } from './connection.ts';
import {
  consensusLeader,
  coordinatorLeader,
  type LeaderItem,
  type LeaderScope,
  partitionLeader,
} from './listings/leader-listing.ts';
import type { Listing } from './output/envelope.ts';

/** Who leads; NO_LEADER, NO_QUORUM or NOT_READY when nobody does. */
export async function readLeader(cluster: ClusterConnection, scope: LeaderScope): Promise<Listing<LeaderItem>> {
  switch (scope.kind) {
    case 'coordinator':
      return coordinatorLeader(await cluster.leader());
    case 'consensus':
      return consensusLeader(await cluster.consensusStatuses());
    case 'partition':
      return partitionLeader(await cluster.snapshot(), scope.partition);
  }
}

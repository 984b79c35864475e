import type {
  AppendEntriesRequest,
  AppendEntriesResponse,
  BeaconRequest,
  BeaconResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';

/** Another metadata node, as the replicas of this one speak to it. Every call keeps its signal's deadline. */
export interface ReplicaPeer {
  appendEntries(request: AppendEntriesRequest, signal: AbortSignal): Promise<AppendEntriesResponse>;
  beacon(request: BeaconRequest, signal: AbortSignal): Promise<BeaconResponse>;
  fetchSnapshot(request: FetchSnapshotRequest, signal: AbortSignal): AsyncIterable<FetchSnapshotResponse>;
}

/** Finds the other metadata nodes. */
export interface ReplicaPeers {
  /** Undefined while no such node is registered. */
  peer(nodeId: string): ReplicaPeer | undefined;
}

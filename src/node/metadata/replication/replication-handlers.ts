import type {
  AppendEntriesRequest,
  AppendEntriesResponse,
  BeaconRequest,
  BeaconResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';

/** What other metadata nodes ask of this one's replicas. */
export interface ReplicationHandlers {
  appendEntries(request: AppendEntriesRequest): Promise<AppendEntriesResponse>;
  beacon(request: BeaconRequest): Promise<BeaconResponse>;
  fetchSnapshot(request: FetchSnapshotRequest): AsyncIterable<FetchSnapshotResponse>;
}

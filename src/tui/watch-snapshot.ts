import type { CoordinatorSurvey } from '../cli/connection.ts';
import type { Topology } from '../topology/topology.ts';

/** What the leader remembers of a node's heartbeats. */
export interface HeartbeatView {
  /** Milliseconds since the last heartbeat at the moment of the snapshot. */
  readonly ageMs: number;
  readonly suspectTimeoutMs: number;
  readonly downTimeoutMs: number;
  readonly flapCount: number;
  /** Bytes of blobs stored; 0 for a node without. */
  readonly storedBytes: number;
  /** Bytes of resident memory. */
  readonly residentBytes: number;
  /** Git requests answered since the start. */
  readonly gitRequests: number;
}

/** One change of the topology, in words. */
export interface ChangeView {
  readonly version: bigint;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly text: string;
}

/** Everything that one frame of the live view shows. */
export interface WatchSnapshot {
  readonly clusterName: string;
  readonly topology: Topology;
  readonly leaderId: string | undefined;
  readonly leaderAddress: string | undefined;
  /** The term of that leader; undefined before a coordinator was asked. */
  readonly leaderTerm: bigint | undefined;
  /** What the coordinators say of themselves; undefined before they were asked. */
  readonly survey: Pick<CoordinatorSurvey, 'reports' | 'silent'> | undefined;
  readonly heartbeats: ReadonlyMap<string, HeartbeatView>;
  /** Newest first. */
  readonly changes: readonly ChangeView[];
  /** Milliseconds since a coordinator last answered; 0 while connected. */
  readonly disconnectedMs: number;
}

/** Where the live view gets its snapshots from. */
export interface WatchSource {
  current(): WatchSnapshot | undefined;
  /** Calls back with every new snapshot; the result ends the subscription. */
  subscribe(listener: (snapshot: WatchSnapshot) => void): () => void;
}

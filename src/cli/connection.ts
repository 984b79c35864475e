import type { MetadataApi } from '../client/metadata-api.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import type { ConsensusStatus } from '../consensus/consensus.ts';
import type { NodeReader } from '../replication/node-io.ts';
import type { ObjectApi } from '../replication/object-api.ts';
import type { ReportedState, Topology } from '../topology/topology.ts';
import type { Source } from './output/envelope.ts';

/** A topology and which coordinator it was read from. */
export interface TopologySnapshot {
  readonly topology: Topology;
  readonly source: Source;
}

/** Who leads the coordinators, as one of them says. */
export interface LeaderReport {
  /** Undefined when there is none. */
  readonly leaderId: string | undefined;
  readonly leaderAddress: string | undefined;
  readonly term: bigint;
  /** Who was asked. */
  readonly source: Source;
}

/** What the leader remembers of a node's heartbeats. */
export interface NodeHeartbeat {
  readonly nodeId: string;
  /** Milliseconds since the last one arrived. */
  readonly ageMs: number;
  readonly suspectTimeoutMs: number;
  readonly downTimeoutMs: number;
  readonly flapCount: number;
  readonly reportedState: ReportedState;
  /** Bytes. */
  readonly storedBytes: number;
  readonly blobCount: number;
  readonly repoCount: number;
  readonly gitRequests: number;
  /** Bytes. */
  readonly residentBytes: number;
}

/**
 * A cluster as commands see it. Everything has the connection's deadline; errors are
 * StratumErrors. Nothing is connected before it is asked for.
 */
export interface ClusterConnection {
  /** The coordinators that are tried. */
  readonly coordinators: readonly string[];
  snapshot(): Promise<TopologySnapshot>;
  leader(): Promise<LeaderReport>;
  consensusStatus(): Promise<ConsensusStatus>;
  heartbeats(): Promise<readonly NodeHeartbeat[]>;
  /** Events after `sinceVersion`; 0 asks for a full-sync first. Ends with an error when the stream breaks. */
  watch(sinceVersion: bigint, signal: AbortSignal): AsyncIterable<WatchEvent>;
  metadata(): Promise<MetadataApi>;
  objects(): Promise<ObjectApi>;
  /** Reads one object node. */
  reader(nodeId: string, address: string): Promise<NodeReader>;
  close(): Promise<void>;
}

/** How to reach a cluster. */
export interface ConnectOptions {
  readonly coordinators: readonly string[];
  /** Milliseconds for each call, retries included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

import type { Oid } from '../base/oid.ts';
import type { HistoryPage, PartitionChange } from '../client/coordinator-client.ts';
import type { FrontendApi } from '../client/frontend-api.ts';
import type { MetadataApi } from '../client/metadata-api.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import type { ConsensusMemberPlace, ConsensusStatus, MembersChanged } from '../consensus/consensus.ts';
import type { NodeReader } from '../replication/node-io.ts';
import type { ObjectApi, SmallObjectApi } from '../replication/object-api.ts';
import type { GapResult } from '../replication/repair/close-gaps.ts';
import type { NotedGap } from '../replication/replica-gaps.ts';
import type { PlanPartitionsResponse } from '../rpc/gen/stratum/v1/coordinator.ts';
import type { BlobPage } from '../store/blob-store.ts';
import type { Requester } from '../topology/commands.ts';
import type { Partition, ReportedState, Topology } from '../topology/topology.ts';
import type { Source, Unreachable } from './output/envelope.ts';
import type { SilentNodes } from './silent-nodes.ts';

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
  /** Bytes free on the disk of the data folder; 0 for a node without. */
  readonly freeBytes: number;
  /** Milliseconds since the process started. */
  readonly uptimeMs: number;
  /** The version of the topology that the node works from. */
  readonly knownVersion: bigint;
}

/** What one coordinator says of itself and of the consensus engine. */
export interface CoordinatorReport extends ConsensusStatus {
  readonly nodeId: string;
  /** host:port where it was asked. */
  readonly address: string;
  readonly isLeader: boolean;
  /** Whom it takes for the leader of the coordinators; undefined when it knows of none. */
  readonly leaderId: string | undefined;
  readonly term: bigint;
  /** Version of its copy of the topology. */
  readonly version: bigint;
  /** Milliseconds since that copy was last known to be current. */
  readonly ageMs: number;
}

/** A coordinator without a report. */
export interface SilentCoordinator extends Unreachable {
  /** Whether it answered at all: one that has no topology yet does, and still cannot report. */
  readonly answers: boolean;
}

/** What all coordinators say, each asked for itself. */
export interface CoordinatorSurvey {
  /** By node id. */
  readonly reports: readonly CoordinatorReport[];
  readonly silent: readonly SilentCoordinator[];
  /** The topology that names the coordinators; undefined when none could be read. */
  readonly topology: Topology | undefined;
}

/** Who leads after a transfer. */
export interface NewLeader {
  readonly leaderId: string;
  readonly term: bigint;
}

/**
 * A cluster as commands see it. Everything has the connection's deadline; errors are
 * StratumErrors. Nothing is connected before it is asked for.
 */
export interface ClusterConnection {
  /** The coordinators that are tried. */
  readonly coordinators: readonly string[];
  /** Object nodes that did not answer lately; whoever asks them looks here first, and adds to it. */
  readonly silentNodes: SilentNodes;
  snapshot(): Promise<TopologySnapshot>;
  leader(): Promise<LeaderReport>;
  /**
   * Asks every coordinator, each with a deadline of its own: those that the topology names (the one
   * that is given, or else read), and the configured ones where it does not tell. Rejects only when
   * it is interrupted.
   */
  consensusStatuses(known?: Topology): Promise<CoordinatorSurvey>;
  /** Of the leader; NO_LEADER when there is none. */
  heartbeats(): Promise<readonly NodeHeartbeat[]>;
  /** The applied commands after a version, oldest first, at most 200 at once and at most `limit`. */
  history(sinceVersion: bigint, limit: number): Promise<HistoryPage>;
  /** NODE_NOT_FOUND when no such coordinator stands ready. An empty name leaves the choice to the leader. */
  transferLeader(targetId: string, by: Requester): Promise<NewLeader>;
  /** The partition as it is then. VERSION_CONFLICT when it has changed since the decision, UNSAFE when pushes could be lost. */
  changePartition(change: PartitionChange, by: Requester): Promise<Partition>;
  /** What the leader would do about the partitions now. */
  planPartitions(): Promise<PlanPartitionsResponse>;
  /** UNIMPLEMENTED where the consensus engine is not the cluster's own. */
  addMember(member: ConsensusMemberPlace, by: Requester): Promise<MembersChanged>;
  /** UNSAFE when the rest would have no quorum. */
  removeMember(nodeId: string, by: Requester): Promise<MembersChanged>;
  /** Events after `sinceVersion`; 0 asks for a full-sync first. Ends with an error when the stream breaks. */
  watch(sinceVersion: bigint, signal: AbortSignal): AsyncIterable<WatchEvent>;
  metadata(): Promise<MetadataApi>;
  /** Missing and corrupt copies that its reads find are healed, as far as they can be at once, by `close`. */
  objects(): Promise<ObjectApi & SmallObjectApi>;
  /** The frontends of a topology, by id; each call has the connection's deadline, and a signal of its own. */
  frontends(topology: Topology): readonly FrontendApi[];
  /** Reads one object node. */
  reader(nodeId: string, address: string): Promise<NodeReader>;
  /** A page of the blobs that one object node holds, by position; without a cursor the first. */
  blobPage(nodeId: string, address: string, cursor: Oid | undefined, pageEntries: number): Promise<BlobPage>;
  /** Copies blobs to nodes that lack a good copy, from verified ones; a result for each gap, in order. */
  closeGaps(gaps: readonly NotedGap[]): Promise<readonly GapResult[]>;
  /**
   * Deletes blobs at all of their own nodes, whatever may refer to them; only `signal` ends it. Gives the
   * nodes that may keep theirs, because they are away or do not answer.
   */
  deleteBlobs(oids: readonly Oid[], signal: AbortSignal): Promise<readonly Unreachable[]>;
  close(): Promise<void>;
}

/** How to reach a cluster. */
export interface ConnectOptions {
  readonly coordinators: readonly string[];
  /** Milliseconds for each call, retries included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

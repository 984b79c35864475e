/** What a process does; one process may host several. */
export type NodeRole = 'coordinator' | 'object' | 'metadata' | 'frontend';

/** All roles, in the order in which a process starts them. */
export const nodeRoles: readonly NodeRole[] = ['coordinator', 'object', 'metadata', 'frontend'];

/** What the cluster believes of a node; only the coordinator sets it. */
export type NodeState = 'JOINING' | 'ACTIVE' | 'SUSPECT' | 'DRAINING' | 'DOWN';

/** What an operator wants of a node. */
export type NodeIntent = 'SERVE' | 'DRAIN' | 'EVICT' | 'REMOVE';

/** What a node says of itself in a heartbeat. */
export type ReportedState = 'STARTING' | 'READY' | 'STOPPING';

/** An in-sync replica's word that the primary of a partition, in this epoch, is not heard. */
export interface SilentPrimary {
  readonly partition: number;
  readonly epoch: bigint;
}

/** Who asked for a change, why, and when (milliseconds since the Unix epoch) it was taken. */
export interface Audit {
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
}

/** A node as it describes itself when it registers. */
export interface NodeRegistration {
  readonly id: string;
  /** New at each start of the process and higher than the one before. */
  readonly generationId: bigint;
  readonly roles: readonly NodeRole[];
  /** host:port of its gRPC listener. */
  readonly address: string;
  /** Base URL of its HTTP listener; empty for a node without one. */
  readonly httpUrl: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Relative share of the ring; 100 is an ordinary node. */
  readonly weight: number;
  /** Identity of the data folder. */
  readonly diskId: string;
  readonly softwareVersion: string;
  /** Bytes of the data folder's disk; 0 without data. */
  readonly capacityBytes: bigint;
}

/** A registered node. */
export interface Node extends NodeRegistration {
  readonly state: NodeState;
  /** Milliseconds since the Unix epoch of the last change of state. */
  readonly stateSinceMs: number;
  /** Milliseconds since the Unix epoch of the first registration. */
  readonly registeredAtMs: number;
  readonly intent: NodeIntent;
  /** Who set the intent; absent while nobody did. */
  readonly intentAudit?: Audit;
}

/** A member of a ring; its virtual nodes follow from id and weight. */
export interface RingNode {
  readonly nodeId: string;
  readonly weight: number;
  /** Label `zone` at the time of this ring; empty when there is none. */
  readonly zone: string;
}

/** One numbered placement of blobs; epoch 0 has no members: no ring has been formed. */
export interface Ring {
  readonly epoch: bigint;
  /** N: on how many nodes a blob is placed. */
  readonly replicationFactor: number;
  /** W: how many durable copies acknowledge a write at level QUORUM. */
  readonly writeQuorum: number;
  /** Virtual nodes of a node with weight 100. */
  readonly virtualNodes: number;
  /** Members, by id. */
  readonly nodes: readonly RingNode[];
}

/** A share of the repositories and who serves it; epoch 0 means never assigned. */
export interface Partition {
  readonly id: number;
  readonly epoch: bigint;
  readonly primaryId: string;
  readonly inSync: readonly string[];
  readonly replicas: readonly string[];
}

/** Settings of the cluster; timings in milliseconds. */
export interface ClusterSettings {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly writeQuorum: number;
  readonly virtualNodes: number;
  /** How many object nodes must be ACTIVE before the first ring is formed. */
  readonly bootstrapExpectObject: number;
  /** How many metadata nodes must be ACTIVE before partitions are first assigned. */
  readonly bootstrapExpectMetadata: number;
  readonly heartbeatIntervalMs: number;
  readonly suspectTimeoutMs: number;
  readonly downTimeoutMs: number;
  /** On how many metadata nodes a partition is placed, as far as there are so many. */
  readonly metadataReplicas: number;
  /** For how long a metadata primary may serve after its in-sync replicas have last acknowledged it; a new one waits as long. */
  readonly metadataLeaseMs: number;
}

/** The whole state of the cluster at one version. Immutable. */
export interface Topology {
  readonly clusterId: string;
  readonly version: bigint;
  /** Term of the leader that applied the latest command. */
  readonly term: bigint;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly ring: Ring;
  /** By number, without gaps. */
  readonly partitions: readonly Partition[];
  readonly settings: ClusterSettings;
}

/** What one command changed; every list holds new values, not differences. */
export interface TopologyUpdate {
  readonly version: bigint;
  readonly previousVersion: bigint;
  readonly term: bigint;
  readonly atMs: number;
  /** The command in a few words, for people. */
  readonly reason: string;
  readonly nodesChanged: readonly Node[];
  readonly nodesRemoved: readonly string[];
  readonly ring?: Ring;
  readonly partitionsChanged: readonly Partition[];
  readonly settings?: ClusterSettings;
  /** Who asked for it; absent when the cluster itself did. */
  readonly audit?: Audit;
}

/** Something that knows the current topology and tells when it changes. */
export interface TopologySource {
  /** The latest topology; undefined before the first one arrived. */
  current(): Topology | undefined;
  /** Calls back after every change; the result ends the subscription. */
  subscribe(listener: (topology: Topology) => void): () => void;
  /**
   * Asks a coordinator for its topology now, and resolves when the answer has been taken; the version never
   * falls. Rejects when none answered, or with the signal's reason. Absent where nobody can be asked.
   */
  refresh?(signal: AbortSignal): Promise<void>;
}

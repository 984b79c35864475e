import type { HeartbeatBatch } from '../topology/heartbeat-batch.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';

/** What a driver finds when it starts. */
export interface StoredCluster {
  /** The highest term that was ever given out. */
  readonly term: bigint;
  readonly topology: Topology;
  /** The kept updates, oldest first, without gaps, up to the topology's version. */
  readonly updates: readonly TopologyUpdate[];
  /** The last batch of heartbeats, if any was kept. */
  readonly heartbeats: HeartbeatBatch | undefined;
}

/** What becomes durable together; absent parts stay as they are. */
export interface StoreWrite {
  readonly term?: bigint;
  readonly topology?: Topology;
  readonly update?: TopologyUpdate;
  readonly heartbeats?: HeartbeatBatch;
  /** Updates up to and including this version are dropped. */
  readonly forgetUpTo?: bigint;
}

/** Where the embedded driver keeps the cluster. One caller at a time. */
export interface TopologyStore {
  /** Opens the store; undefined when it is new. DATA_CORRUPT when a record cannot be read. */
  load(): Promise<StoredCluster | undefined>;
  /** Resolves when all of it is on disk; after a rejection the store is as it was before, or as after. */
  write(write: StoreWrite): Promise<void>;
  close(): Promise<void>;
}

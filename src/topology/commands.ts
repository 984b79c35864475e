import type { NodeIntent, NodeRegistration, NodeState, Partition } from './topology.ts';

/** Who asks for a change and why; the command's time is added when it is taken. */
export interface Requester {
  readonly actor: string;
  readonly reason: string;
}

/** What an operator wants of a node. */
export interface SetNodeIntent {
  readonly kind: 'set-node-intent';
  readonly atMs: number;
  readonly nodeId: string;
  readonly intent: NodeIntent;
  /** Version of the topology that the decision was based on; undefined for any. */
  readonly expectedVersion: bigint | undefined;
  readonly by: Requester;
}

/** Replication factor, quorum and weights; absent parts stay. */
export interface SetRingConfig {
  readonly kind: 'set-ring-config';
  readonly atMs: number;
  /** Epoch of the ring that the decision was based on. */
  readonly expectedEpoch: bigint;
  readonly replicationFactor: number | undefined;
  readonly writeQuorum: number | undefined;
  /** By node id. */
  readonly weights: ReadonlyMap<string, number>;
  readonly by: Requester;
}

/** Primary, in-sync set or replicas of one partition. */
export interface ChangePartition {
  readonly kind: 'change-partition';
  readonly atMs: number;
  /** As it should be; its epoch is the one that the decision was based on. */
  readonly partition: Partition;
  /** The generation of every node that this adds to the in-sync set: the process that was seen to have caught up. */
  readonly generations: ReadonlyMap<string, bigint>;
  /** Carry it out although acknowledged pushes may be lost: an operator's decision. */
  readonly acceptDataLoss: boolean;
  /** Raise the epoch although the sets stay: what was asked for in the epoch before can then no longer be carried out. */
  readonly raiseEpoch: boolean;
  readonly by: Requester;
}

/** A process begins, or repeats what it says of itself. */
export interface RegisterNode {
  readonly kind: 'register-node';
  readonly atMs: number;
  readonly node: NodeRegistration;
  /** The process before this one on the same data folder ended in order, and the folder has the proof. */
  readonly afterCleanStop: boolean;
}

/** What can be asked of the topology. Applied by the pure reducer (reduce.ts); times come with the command. */
export type TopologyCommand =
  | RegisterNode
  | { readonly kind: 'deregister-node'; readonly atMs: number; readonly nodeId: string; readonly generationId: bigint }
  /** From the failure detector and from heartbeats; `generationId` guards against a newer process. */
  | {
      readonly kind: 'set-node-state';
      readonly atMs: number;
      readonly nodeId: string;
      readonly generationId: bigint;
      readonly state: NodeState;
      readonly reason: string;
    }
  | SetNodeIntent
  | SetRingConfig
  | ChangePartition;

import type { Partition } from '../../../topology/topology.ts';

/** A change of a partition that its primary asks for. */
export interface ProposedChange {
  /** As it should be; its epoch is the one that the decision was based on. */
  readonly partition: Partition;
  /** The generation of every node that this adds to the in-sync set. */
  readonly generations: ReadonlyMap<string, bigint>;
  /** The sets are as they were: only the epoch is to rise, so that nothing of what was asked before can still be carried out. */
  readonly raisesEpoch: boolean;
  /** Why, for people. */
  readonly reason: string;
}

/** Who decides about in-sync sets: the coordinators. */
export interface PartitionAuthority {
  /**
   * Resolves when it is done, or was so already. Rejects with VERSION_CONFLICT, ZOMBIE_NODE or UNSAFE when it was
   * not done and never will be; with anything else its outcome is unknown until a later epoch is seen.
   */
  changePartition(change: ProposedChange, signal: AbortSignal): Promise<void>;

  /** The primaries that this node, as an in-sync replica, has not heard for too long: told in the next heartbeat, which goes out now. */
  reportSilent(partitions: readonly SilentPartition[]): void;
}

/** A partition whose primary is not heard. */
export interface SilentPartition {
  readonly partition: number;
  readonly epoch: bigint;
}

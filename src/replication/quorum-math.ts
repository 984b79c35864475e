import type { ConsistencyLevel } from './object-api.ts';

/** The numbers of a ring that quorums follow from. */
export interface QuorumNumbers {
  /** N: on how many nodes a blob is placed. */
  readonly replicationFactor: number;
  /** W: how many durable copies acknowledge a write at level QUORUM. */
  readonly writeQuorum: number;
}

/**
 * How many durable copies a write needs, never none. ALL means N even where the ring has fewer members: it
 * fails then.
 */
export function requiredCopies(level: ConsistencyLevel, { replicationFactor, writeQuorum }: QuorumNumbers): number {
  switch (level) {
    case 'ONE':
      return 1;
    case 'QUORUM':
      return Math.max(1, writeQuorum);
    case 'ALL':
      return replicationFactor;
  }
}

/**
 * How many nodes must say that they lack a blob before it counts as not found. N - W + 1 nodes
 * share a member with every set of W, so that one of them would have an acknowledged blob; ONE asks
 * for no less, because a wrong "not found" is no answer at any price. A blob is found by one verified copy.
 */
export function requiredDenials(level: ConsistencyLevel, { replicationFactor, writeQuorum }: QuorumNumbers): number {
  return level === 'ALL' ? replicationFactor : replicationFactor - writeQuorum + 1;
}

import { HashRing } from '../topology/hash-ring.ts';
import type { Topology } from '../topology/topology.ts';

/** How many ranges of the ring, or partitions, have which redundancy. They add up to `total`. */
export interface QuorumStatistics {
  readonly total: number;
  /** All replicas are reachable. */
  readonly full: number;
  /** Not all, but enough to write. */
  readonly atQuorum: number;
  /** Some, but too few to write. */
  readonly belowQuorum: number;
  /** None. */
  readonly lost: number;
}

/** Whether a node counts as there. */
export type Serves = (nodeId: string) => boolean;

/** By the states alone: a node that is DOWN or not yet ready does not count. */
export function servesByState({ nodes }: Topology): Serves {
  return (nodeId) => {
    const state = nodes.get(nodeId)?.state;
    return state === 'ACTIVE' || state === 'SUSPECT' || state === 'DRAINING';
  };
}

/** Redundancy of the ring's ranges; all are 0 before a ring is formed. */
export function ringStatistics(topology: Topology, serves: Serves = servesByState(topology)): QuorumStatistics {
  const { ring } = topology;
  if (ring.epoch === 0n) return { total: 0, full: 0, atQuorum: 0, belowQuorum: 0, lost: 0 };
  const placements = [...HashRing.of(ring).placements()];
  const counts = placements.map((placement) => {
    return { wanted: ring.replicationFactor, there: placement.filter(serves).length, quorum: ring.writeQuorum };
  });
  return tally(counts);
}

/**
 * Redundancy of the partitions: one without a primary that is up cannot be read or written, nor can one of whose in-sync
 * replicas fewer than two are there, unless there is a single one.
 */
export function partitionStatistics(topology: Topology, serves: Serves = servesByState(topology)): QuorumStatistics {
  const counts = topology.partitions.map(({ primaryId, inSync, replicas }) => {
    const led = primaryId !== '' && serves(primaryId);
    const there = led ? inSync.filter(serves).length : 0;
    return { wanted: Math.max(1, replicas.length), there, quorum: quorumOf(inSync) };
  });
  return tally(counts);
}

/** How many of a partition's in-sync replicas must be there so that it serves: two (min_isr), or the single one. */
export function quorumOf(inSync: readonly string[]): number {
  return Math.max(1, Math.min(2, inSync.length));
}

function tally(
  counts: readonly { readonly wanted: number; readonly there: number; readonly quorum: number }[],
): QuorumStatistics {
  const count = (matches: (each: (typeof counts)[number]) => boolean) => counts.filter(matches).length;
  return {
    total: counts.length,
    full: count(({ wanted, there, quorum }) => there >= wanted && there >= quorum),
    atQuorum: count(({ wanted, there, quorum }) => there < wanted && there >= quorum),
    belowQuorum: count(({ there, quorum }) => there < quorum && there > 0),
    lost: count(({ there }) => there === 0),
  };
}

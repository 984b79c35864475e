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
    return { wanted: ring.replicationFactor, there: placement.filter(serves).length };
  });
  return tally(counts, ring.writeQuorum);
}

/** Redundancy of the partitions: a partition without a primary that is up cannot be written. */
export function partitionStatistics(topology: Topology, serves: Serves = servesByState(topology)): QuorumStatistics {
  const counts = topology.partitions.map((partition) => {
    const there = partition.inSync.filter(serves).length;
    const led = partition.primaryId !== '' && serves(partition.primaryId);
    return { wanted: Math.max(1, partition.replicas.length), there: led ? there : 0 };
  });
  return tally(counts, 1);
}

function tally(counts: readonly { wanted: number; there: number }[], quorum: number): QuorumStatistics {
  const count = (matches: (each: { wanted: number; there: number }) => boolean) => counts.filter(matches).length;
  return {
    total: counts.length,
    full: count(({ wanted, there }) => there >= wanted),
    atQuorum: count(({ wanted, there }) => there < wanted && there >= quorum),
    belowQuorum: count(({ wanted, there }) => there < wanted && there < quorum && there > 0),
    lost: count(({ there }) => there === 0),
  };
}

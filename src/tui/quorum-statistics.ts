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

/** Redundancy of the ring's ranges by the states of their nodes: a node that is DOWN does not count. */
export function ringStatistics(topology: Topology): QuorumStatistics {
  const { ring } = topology;
  if (ring.epoch === 0n) return { total: 0, full: 0, atQuorum: 0, belowQuorum: 0, lost: 0 };
  const hashRing = HashRing.of(ring);
  const counts = [...hashRing.entries()].map(({ position }) => {
    const placement = hashRing.placement(position);
    return { wanted: ring.replicationFactor, there: placement.filter((id) => isUp(topology, id)).length };
  });
  return tally(counts, ring.writeQuorum);
}

/** Redundancy of the partitions: a partition without a primary that is up cannot be written. */
export function partitionStatistics(topology: Topology): QuorumStatistics {
  const counts = topology.partitions.map((partition) => {
    const there = partition.inSync.filter((id) => isUp(topology, id)).length;
    const led = partition.primaryId !== '' && isUp(topology, partition.primaryId);
    return { wanted: Math.max(1, partition.replicas.length), there: led ? there : 0 };
  });
  return tally(counts, 1);
}

function isUp(topology: Topology, nodeId: string): boolean {
  const state = topology.nodes.get(nodeId)?.state;
  return state === 'ACTIVE' || state === 'SUSPECT' || state === 'DRAINING';
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

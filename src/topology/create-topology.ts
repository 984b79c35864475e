import type { ClusterSettings, Partition, Topology } from './topology.ts';

/** The topology of a cluster that nobody has joined: version 0, no ring, all partitions unassigned. */
export function createTopology(clusterId: string, settings: ClusterSettings): Topology {
  const { replicationFactor, writeQuorum, virtualNodes } = settings;
  return {
    clusterId,
    version: 0n,
    term: 0n,
    nodes: new Map(),
    ring: { epoch: 0n, replicationFactor, writeQuorum, virtualNodes, nodes: [] },
    partitions: Array.from({ length: settings.partitions }, (_, id) => unassigned(id)),
    settings,
  };
}

function unassigned(id: number): Partition {
  return { id, epoch: 0n, primaryId: '', inSync: [], replicas: [] };
}

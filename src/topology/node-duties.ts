import type { Node, Topology } from './topology.ts';

/** Whether blobs are placed on the node. */
export function isInRing(topology: Topology, nodeId: string): boolean {
  return topology.ring.nodes.some((member) => member.nodeId === nodeId);
}

/** Whether the node holds partitions, as their primary or as a replica. */
export function holdsPartitions(topology: Topology, nodeId: string): boolean {
  return topology.partitions.some(
    ({ primaryId, replicas, inSync }) => primaryId === nodeId || replicas.includes(nodeId) || inSync.includes(nodeId),
  );
}

/** Whether the cluster counts on the node's disk: it may not leave, or come back with another disk. */
export function hasDataPlaced(topology: Topology, nodeId: string): boolean {
  return isInRing(topology, nodeId) || holdsPartitions(topology, nodeId);
}

/**
 * Whether the node stays JOINING although it may be ready: a ring has been formed and it is no part
 * of it. A place in the ring comes with a ring change; until then nothing may be placed on it.
 */
export function waitsForRing(topology: Topology, node: Pick<Node, 'id' | 'roles'>): boolean {
  return node.roles.includes('object') && topology.ring.epoch > 0n && !hasDataPlaced(topology, node.id);
}

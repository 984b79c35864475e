import { StratumError } from '../base/errors.ts';
import { assignedPartitions, partitionOfRepo } from '../topology/partitioning.ts';
import type { Topology } from '../topology/topology.ts';

/** A metadata node to call. */
export interface MetadataRoute {
  readonly nodeId: string;
  /** host:port. */
  readonly address: string;
}

/** Finds the node for a call in the topology of the moment; NOT_READY while there is none. */
export type FindRoute = (topology: Topology | undefined) => MetadataRoute;

/** To the primary of a repository's partition. */
export function toPrimaryOf(repoName: string): FindRoute {
  return (topology) => routeTo(topology, partitionOfRepo(topology, repoName).primaryId);
}

/** To one node. */
export function toNode(nodeId: string): FindRoute {
  return (topology) => routeTo(topology, nodeId);
}

/** All nodes that are the primary of a partition, each once, by id; NOT_READY unless every partition has one. */
export function primaryIds(topology: Topology | undefined): readonly string[] {
  return [...new Set(assignedPartitions(topology).map(({ primaryId }) => primaryId))].sort();
}

/** A name for where a route leads, which changes with it; empty while it leads nowhere. */
export function fingerprintOf(find: FindRoute, topology: Topology | undefined): string {
  try {
    const { nodeId, address } = find(topology);
    return `${nodeId} ${address} ${topology?.nodes.get(nodeId)?.generationId}`;
  } catch {
    return ''; // The same error comes from the next try, which reports it.
  }
}

function routeTo(topology: Topology | undefined, nodeId: string): MetadataRoute {
  const node = topology?.nodes.get(nodeId);
  if (node !== undefined) return { nodeId, address: node.address };
  throw new StratumError(
    'NOT_READY',
    `metadata node ${nodeId} is not registered`,
    { what: `metadata node ${nodeId}` },
    { hint: `start node ${nodeId}: it is the primary of metadata partitions` },
  );
}

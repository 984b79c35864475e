import { StratumError } from '../base/errors.ts';
import type { Topology } from '../topology/topology.ts';

/** A metadata node to call. */
export interface MetadataRoute {
  readonly nodeId: string;
  /** host:port. */
  readonly address: string;
}

/** Finds the node for a call in the topology of the moment; NOT_READY while there is none. */
export type FindRoute = (topology: Topology | undefined) => MetadataRoute;

/** To one node; NOT_READY while it is not registered. */
export function routeToNode(topology: Topology | undefined, nodeId: string): MetadataRoute {
  const node = topology?.nodes.get(nodeId);
  if (node !== undefined) return { nodeId, address: node.address };
  throw new StratumError(
    'NOT_READY',
    `metadata node ${nodeId} is not registered`,
    { what: `metadata node ${nodeId}` },
    { hint: `start node ${nodeId}: it is the primary of metadata partitions` },
  );
}

/** A name for where routes lead, which changes with any of them; empty while one leads nowhere. */
export function fingerprintOf(finds: readonly FindRoute[], topology: Topology | undefined): string {
  try {
    return finds
      .map((find) => find(topology))
      .map(({ nodeId, address }) => `${nodeId} ${address} ${topology?.nodes.get(nodeId)?.generationId}`)
      .join(' ');
  } catch {
    return ''; // The same error comes from the next try, which reports it.
  }
}

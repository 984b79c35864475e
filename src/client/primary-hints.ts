import { hasCode, type StratumError } from '../base/errors.ts';
import { assignedPartitions } from '../topology/partitioning.ts';
import type { Topology } from '../topology/topology.ts';
import { type MetadataRoute, routeToNode } from './metadata-routes.ts';

/** Who is the primary of a partition in an epoch. */
interface Hint extends MetadataRoute {
  readonly epoch: bigint;
}

/**
 * Primaries that nodes have named in NOT_PRIMARY before this process's topology knew of them. One for each partition at
 * the most; a hint ends when the topology has reached its epoch.
 */
export class PrimaryHints {
  readonly #hints = new Map<number, Hint>();

  /** Takes the hint of an answer; whether it names a later primary than was known, so that it is worth a try at once. */
  learn(failure: StratumError, topology: Topology | undefined): boolean {
    if (!hasCode(failure, 'NOT_PRIMARY')) return false;
    const { partition, primaryId: nodeId, primaryAddress: address, epoch } = failure.details;
    const known = topology?.partitions[partition];
    // Partitions that the topology does not have cannot be called, so they need no place here.
    if (nodeId === undefined || address === undefined || known === undefined) return false;
    const latest = this.#hints.get(partition)?.epoch ?? 0n;
    if (epoch <= known.epoch || epoch <= latest) return false;
    this.#hints.set(partition, { nodeId, address, epoch });
    return true;
  }

  /** The way to the primary of a partition; NOT_READY while it has none. */
  route(topology: Topology | undefined, partition: number): MetadataRoute {
    const assigned = assignedPartitions(topology)[partition];
    const hint = this.#hints.get(partition);
    if (hint !== undefined && hint.epoch > (assigned?.epoch ?? 0n))
      return { nodeId: hint.nodeId, address: hint.address };
    this.#hints.delete(partition);
    return routeToNode(topology, assigned?.primaryId ?? '');
  }
}

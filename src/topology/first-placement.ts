import { NodeLoads, type Sharer } from './node-loads.ts';
import { levelPrimaries } from './primary-balance.ts';
import { choosePrimary } from './primary-choice.ts';
import { chooseReplica } from './replica-choice.ts';
import type { Partition } from './topology.ts';

/** A node that partitions can be placed on. */
export interface PlacementNode extends Sharer {
  /** Empty when there is none. */
  readonly zone: string;
}

/**
 * The replicas and primaries of partitions that hold nothing yet, so that all replicas are in sync from the begin.
 * It depends on what the nodes are, and not on their order. At least one node.
 */
export function firstPlacement(
  ids: readonly number[],
  nodes: readonly PlacementNode[],
  replicasMax: number,
): readonly Partition[] {
  const sorted = nodes.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const replicaCount = Math.min(replicasMax, sorted.length);
  const zones = new Map(sorted.map(({ id, zone }) => [id, zone]));
  const zoneOf = (id: string) => zones.get(id) ?? '';
  const loads = new NodeLoads(ids.length * replicaCount, ids.length, sorted);
  const primaries = new NodeLoads(ids.length, ids.length, sorted);
  const partitions = ids.map((id): Partition => {
    const replicas: string[] = [];
    while (replicas.length < replicaCount) {
      const candidates = sorted.map((node) => node.id).filter((nodeId) => !replicas.includes(nodeId));
      const chosen = chooseReplica(id, replicas, candidates, { zoneOf, loads });
      if (chosen === undefined) break;
      replicas.push(chosen);
      loads.add(chosen);
    }
    const primaryId = choosePrimary(id, replicas, primaries) ?? '';
    primaries.add(primaryId);
    return { id, epoch: 1n, primaryId, inSync: replicas, replicas };
  });
  return levelled(partitions, primaries, sorted);
}

/** The choice of one primary after the other is not always the most even one. */
function levelled(partitions: readonly Partition[], loads: NodeLoads, nodes: readonly Sharer[]): readonly Partition[] {
  const ids = nodes.map(({ id }) => id);
  const moves = levelPrimaries(partitions, { loads, givers: ids, takers: ids, movesMax: Number.POSITIVE_INFINITY });
  const primaryOf = new Map(moves.map(({ partition, primaryId }) => [partition.id, primaryId]));
  return partitions.map((partition) => ({
    ...partition,
    primaryId: primaryOf.get(partition.id) ?? partition.primaryId,
  }));
}

import { bestOf } from './best-of.ts';
import type { NodeLoads } from './node-loads.ts';
import { rendezvousScore } from './rendezvous-score.ts';

/** What a choice among nodes goes by. */
export interface ReplicaChoice {
  readonly zoneOf: (nodeId: string) => string;
  readonly loads: NodeLoads;
}

/**
 * Who of the candidates becomes another replica of a partition: first whose zone has the fewest of them, then who has
 * the least for its weight, then rendezvous hashing. Undefined without candidates.
 */
export function chooseReplica(
  partition: number,
  replicas: readonly string[],
  candidates: readonly string[],
  { zoneOf, loads }: ReplicaChoice,
): string | undefined {
  return bestOf(
    candidates,
    (id) => replicas.filter((other) => zoneOf(other) === zoneOf(id)).length,
    (id) => loads.excess(id),
    (id) => -rendezvousScore(partition, id),
  );
}

/** How many pairs of the nodes are in one zone: the fewer, the more survives the loss of a zone. */
export function zonePairs(nodeIds: readonly string[], zoneOf: (nodeId: string) => string): number {
  const zones = nodeIds.map(zoneOf);
  let pairs = 0;
  for (const [index, zone] of zones.entries()) {
    for (let other = 0; other < index; other += 1) if (zones[other] === zone) pairs += 1;
  }
  return pairs;
}

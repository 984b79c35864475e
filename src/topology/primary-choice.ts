import { bestOf } from './best-of.ts';
import { NodeLoads } from './node-loads.ts';
import { rendezvousScore } from './rendezvous-score.ts';
import type { Topology } from './topology.ts';

/** How many partitions each node is the primary of, and should be, by weight. */
export function primaryLoads({ nodes, partitions }: Topology): NodeLoads {
  const serving = [...nodes.values()].filter(({ roles, intent }) => roles.includes('metadata') && intent === 'SERVE');
  const loads = new NodeLoads(partitions.length, partitions.length, serving);
  for (const { primaryId } of partitions) if (primaryId !== '') loads.add(primaryId);
  return loads;
}

/** Who of the candidates becomes a partition's primary: who has the least for its weight, then rendezvous hashing. */
export function choosePrimary(partition: number, candidates: readonly string[], loads: NodeLoads): string | undefined {
  return bestOf(
    candidates,
    (id) => loads.excess(id),
    (id) => -rendezvousScore(partition, id),
  );
}

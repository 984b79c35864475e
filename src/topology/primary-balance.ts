import { bestOf } from './best-of.ts';
import type { NodeLoads } from './node-loads.ts';
import { rendezvousScore } from './rendezvous-score.ts';
import type { Partition } from './topology.ts';

/** A partition and who becomes its primary. */
export interface PrimaryMove {
  readonly partition: Partition;
  readonly primaryId: string;
}

/** From this difference on primaries are moved: a single one that an operator has moved is left alone. */
const spreadMin = 2;

/** Above what rounding makes of shares. */
const roundingMax = 1e-6;

/**
 * Moves of primaries to in-sync replicas until no two nodes differ by two or more for their weight, or none helps.
 * Where no partition of a node that has too many has a replica on one that has too few, the way leads over others: each
 * hands one on to the next. Of several partitions the one goes that has changed least often, so that what an operator
 * has just moved stays. `loads` follows the moves; each partition moves at most once.
 */
export function levelPrimaries(
  partitions: readonly Partition[],
  how: {
    readonly loads: NodeLoads;
    readonly givers: readonly string[];
    readonly takers: readonly string[];
    readonly movesMax: number;
  },
): readonly PrimaryMove[] {
  const { loads, givers, takers, movesMax } = how;
  const moves: PrimaryMove[] = [];
  const open = new Map(partitions.map((partition) => [partition.id, partition]));
  while (moves.length < movesMax) {
    const path = shortestPath([...open.values()], { loads, givers, takers });
    if (path === undefined) break;
    for (const { partition, primaryId } of path) {
      open.delete(partition.id);
      loads.add(partition.primaryId, -1);
      loads.add(primaryId);
    }
    moves.push(...path);
  }
  return moves;
}

/** From who has the most too many, by as few hands as possible, to who then has the most room; undefined when all is level. */
function shortestPath(
  partitions: readonly Partition[],
  {
    loads,
    givers,
    takers,
  }: { readonly loads: NodeLoads; readonly givers: readonly string[]; readonly takers: readonly string[] },
): readonly PrimaryMove[] | undefined {
  const lowest = Math.min(...takers.map((id) => loads.excess(id)));
  const full = givers.filter((id) => loads.excess(id) - lowest >= spreadMin - roundingMax);
  if (full.length === 0) return undefined;
  const byPrimary = Map.groupBy(partitions, ({ primaryId }) => primaryId);
  for (const giver of full.toSorted((left, right) => loads.excess(right) - loads.excess(left))) {
    const path = pathFrom(giver, { byPrimary, loads, takers });
    if (path !== undefined) return path;
  }
  return undefined;
}

function pathFrom(
  giver: string,
  {
    byPrimary,
    loads,
    takers,
  }: {
    readonly byPrimary: ReadonlyMap<string, readonly Partition[]>;
    readonly loads: NodeLoads;
    readonly takers: readonly string[];
  },
): readonly PrimaryMove[] | undefined {
  const ways = new Map<string, readonly PrimaryMove[]>([[giver, []]]);
  let reached = [giver];
  while (reached.length > 0) {
    const next: string[] = [];
    for (const from of reached) {
      for (const to of takers) {
        if (ways.has(to)) continue;
        const partition = lightest(byPrimary.get(from) ?? [], to);
        if (partition === undefined) continue;
        ways.set(to, [...(ways.get(from) ?? []), { partition, primaryId: to }]);
        next.push(to);
      }
    }
    const taker = bestOf(next, (id) => loads.excess(id));
    if (taker !== undefined && loads.excess(giver) - loads.excess(taker) >= spreadMin - roundingMax)
      return ways.get(taker);
    reached = next;
  }
  return undefined;
}

/** The partition to hand to the node: the one that has changed least often, then rendezvous hashing. */
function lightest(partitions: readonly Partition[], nodeId: string): Partition | undefined {
  return bestOf(
    partitions.filter(({ inSync }) => inSync.includes(nodeId)),
    ({ epoch }) => Number(epoch),
    ({ id }) => -rendezvousScore(id, nodeId),
  );
}

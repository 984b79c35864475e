import { ringShares } from './ring-shares.ts';
import type { Ring } from './topology.ts';

/** How much of the blobs lies on a member, and how much should. */
export interface MemberBalance {
  readonly nodeId: string;
  readonly weight: number;
  readonly zone: string;
  /** Share of all blobs that it holds a replica of, 0 to 1. */
  readonly share: number;
  /** The share that its weight asks for: N copies by weight, and none has more than one of a blob. */
  readonly idealShare: number;
  /** share / idealShare: 1 is balanced. */
  readonly ratio: number;
}

/** How evenly a ring shares. */
export interface RingBalance {
  /** By id. */
  readonly members: readonly MemberBalance[];
  /** The highest ratio: the most loaded member, over the mean where all weights are equal; 1 without members. */
  readonly maxOverMean: number;
  /** Standard deviation of the ratios. */
  readonly standardDeviation: number;
}

/** How evenly the blobs are placed, by the lengths of the ring's ranges. */
export function ringBalance(ring: Ring): RingBalance {
  const shares = ringShares(ring);
  const ideal = idealShares(ring);
  const members = ring.nodes.map(({ nodeId, weight, zone }) => {
    const share = shares.get(nodeId)?.replica ?? 0;
    const idealShare = ideal.get(nodeId) ?? 0;
    return { nodeId, weight, zone, share, idealShare, ratio: idealShare === 0 ? 1 : share / idealShare };
  });
  members.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  const ratios = members.map(({ ratio }) => ratio);
  const variance = ratios.reduce((sum, ratio) => sum + (ratio - 1) ** 2, 0) / Math.max(1, ratios.length);
  return {
    members,
    maxOverMean: Math.max(...ratios, ratios.length === 0 ? 1 : 0),
    standardDeviation: Math.sqrt(variance),
  };
}

/** N copies shared by weight; whoever would have more than one of each blob has just that, and the others the rest. */
function idealShares(ring: Ring): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  let copies = Math.min(ring.replicationFactor, ring.nodes.length);
  let open = [...ring.nodes];
  while (open.length > 0) {
    const weights = open.reduce((sum, { weight }) => sum + weight, 0);
    const shareOf = (weight: number) => (copies * weight) / weights;
    const full = open.filter(({ weight }) => shareOf(weight) >= 1);
    for (const { nodeId, weight } of full.length > 0 ? full : open) {
      shares.set(nodeId, full.length > 0 ? 1 : shareOf(weight));
    }
    copies -= full.length;
    open = full.length > 0 ? open.filter(({ nodeId }) => !shares.has(nodeId)) : [];
  }
  return shares;
}

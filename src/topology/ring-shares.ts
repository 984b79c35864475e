import { HashRing } from './hash-ring.ts';
import type { Ring } from './topology.ts';

/** Shares of the key space, 0 to 1. */
export interface RingShare {
  /** Of which the node is the first choice; all nodes' add up to 1. */
  readonly primary: number;
  /** Of which the node holds a replica; all nodes' add up to N. */
  readonly replica: number;
}

const sharesByRing = new WeakMap<Ring, ReadonlyMap<string, RingShare>>();

/** What share of the blobs is placed on each member, by node id; computed once for each ring. */
export function ringShares(ring: Ring): ReadonlyMap<string, RingShare> {
  const known = sharesByRing.get(ring);
  if (known !== undefined) return known;
  const shares = new Map(ring.nodes.map(({ nodeId }) => [nodeId, { primary: 0, replica: 0 }]));
  for (const { share, placement } of HashRing.of(ring).ranges()) {
    for (const [order, nodeId] of placement.entries()) {
      const of = shares.get(nodeId);
      if (of === undefined) continue;
      if (order === 0) of.primary += share;
      of.replica += share;
    }
  }
  sharesByRing.set(ring, shares);
  return shares;
}

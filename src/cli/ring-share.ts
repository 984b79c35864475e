import { HashRing } from '../topology/hash-ring.ts';
import type { Ring } from '../topology/topology.ts';

/** Shares of the key space, 0 to 1. */
export interface RingShare {
  /** Of which the node is the first choice; all nodes' add up to 1. */
  readonly primary: number;
  /** Of which the node holds a replica; all nodes' add up to N. */
  readonly replica: number;
}

const keySpace = 2n ** 64n;

/** What share of the blobs is placed on a node; undefined for one that is no member of the ring. */
export function ringShare(ring: Ring, nodeId: string): RingShare | undefined {
  if (!ring.nodes.some((member) => member.nodeId === nodeId)) return undefined;
  const hashRing = HashRing.of(ring);
  const positions = [...hashRing.entries()].map(({ position }) => position);
  let primary = 0n;
  let replica = 0n;
  let before = (positions.at(-1) ?? 0n) - keySpace;
  for (const position of positions) {
    // A range is what lies behind the entry before, up to the entry itself.
    const width = position - before;
    before = position;
    const placement = hashRing.placement(position);
    if (placement[0] === nodeId) primary += width;
    if (placement.includes(nodeId)) replica += width;
  }
  return { primary: Number(primary) / Number(keySpace), replica: Number(replica) / Number(keySpace) };
}

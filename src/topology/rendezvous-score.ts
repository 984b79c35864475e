import { createHash } from 'node:crypto';

/** How much a partition likes a node, 0 to 2^48 - 1: the same for ever, and for no two partitions the same order of nodes. */
export function rendezvousScore(partition: number, nodeId: string): number {
  return createHash('sha256').update(`${partition}\0${nodeId}`).digest().readUIntBE(0, 6);
}

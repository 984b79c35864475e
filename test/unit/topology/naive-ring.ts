import { createHash } from 'node:crypto';
import type { Ring } from '../../../src/topology/topology.ts';

/**
 * The placement of a position by architecture.md's words alone, in bigints and without any index: all virtual
 * nodes sorted, a walk from the first at or after the position, a zone's next replica only in the next lap.
 */
export function naivePlacement(ring: Ring, at: bigint): readonly string[] {
  const entries = ring.nodes.flatMap(({ nodeId, weight, zone }) =>
    Array.from({ length: Math.max(1, Math.round((ring.virtualNodes * weight) / 100)) }, (_, index) => {
      const digest = createHash('sha256').update(`${nodeId}\0${index}`).digest('hex');
      return { position: BigInt(`0x${digest.slice(0, 16)}`), nodeId, zone };
    }),
  );
  entries.sort((a, b) =>
    a.position === b.position ? (a.nodeId < b.nodeId ? -1 : 1) : a.position < b.position ? -1 : 1,
  );
  const split = entries.findIndex(({ position }) => position >= at);
  const clockwise = split === -1 ? entries : [...entries.slice(split), ...entries.slice(0, split)];
  const chosen = new Map<string, string>();
  const wanted = Math.min(ring.replicationFactor, ring.nodes.length);
  for (let lap = 1; chosen.size < wanted; lap += 1) {
    for (const { nodeId, zone } of clockwise) {
      const inZone = [...chosen.values()].filter((other) => other === zone).length;
      if (chosen.size < wanted && !chosen.has(nodeId) && inZone < lap) chosen.set(nodeId, zone);
    }
  }
  return [...chosen.keys()];
}

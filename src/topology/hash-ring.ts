import { createHash } from 'node:crypto';
import { type Oid, positionOf } from '../base/oid.ts';
import type { Ring, RingNode } from './topology.ts';

/** A virtual node: a point of the ring and the node that owns the range up to it. */
export interface RingEntry {
  /** 0 to 2^64 - 1. */
  readonly position: bigint;
  readonly nodeId: string;
}

/** Weight of an ordinary node. */
const ordinaryWeight = 100;

/** How many virtual nodes a member has: its share of `ring.virtualNodes`, at least one. */
export function virtualNodeCount(ring: Ring, node: RingNode): number {
  return Math.max(1, Math.round((ring.virtualNodes * node.weight) / ordinaryWeight));
}

/**
 * The position of a member's virtual node: the first 8 bytes, big-endian, of the SHA-256 of the
 * node id, a NUL, and the index in decimal. Every process must agree on it for ever.
 */
export function virtualNodePosition(nodeId: string, index: number): bigint {
  return createHash('sha256').update(`${nodeId}\0${index}`).digest().readBigUInt64BE(0);
}

const rings = new WeakMap<Ring, HashRing>();

/**
 * The consistent hash ring of one placement. It depends on membership alone: neither the order in
 * which members are listed nor their states change it. A blob at a position belongs to the first N
 * distinct nodes clockwise from there (the entry at the position itself included); a zone gets a
 * second replica only when every zone with room has its first, a third only after the second, and so on.
 */
export class HashRing {
  readonly #members: readonly RingNode[];
  readonly #replicaCount: number;
  /** Sorted; `#owners` holds the index in `#members` of each entry's node. */
  readonly #positions: BigUint64Array;
  readonly #owners: Uint32Array;
  readonly #zoneSizes: ReadonlyMap<string, number>;
  /** The placement is the same for all positions between two entries. */
  readonly #placements = new Map<number, readonly string[]>();

  constructor(ring: Ring) {
    this.#members = ring.nodes.toSorted((a, b) => compareText(a.nodeId, b.nodeId));
    this.#replicaCount = Math.min(ring.replicationFactor, this.#members.length);
    const entries = this.#members.flatMap((node, owner) =>
      Array.from({ length: virtualNodeCount(ring, node) }, (_, index) => ({
        position: virtualNodePosition(node.nodeId, index),
        owner,
      })),
    );
    // Two nodes on one position are as good as never seen; the id decides, so that all agree.
    entries.sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : a.owner - b.owner));
    this.#positions = BigUint64Array.from(entries, (entry) => entry.position);
    this.#owners = Uint32Array.from(entries, (entry) => entry.owner);
    this.#zoneSizes = countBy(this.#members, (node) => node.zone);
  }

  /** The hash ring of a ring, computed once per object. */
  static of(ring: Ring): HashRing {
    let known = rings.get(ring);
    if (known === undefined) {
      known = new HashRing(ring);
      rings.set(ring, known);
    }
    return known;
  }

  /** Node ids of a blob's replicas in order of preference; fewer than N only when the ring has fewer members. */
  placement(at: Oid | bigint): readonly string[] {
    const start = this.#firstAtOrAfter(typeof at === 'bigint' ? at : positionOf(at));
    const known = this.#placements.get(start);
    if (known !== undefined) return known;
    const placement = Object.freeze(this.#walk(start));
    this.#placements.set(start, placement);
    return placement;
  }

  /** All virtual nodes by position. */
  *entries(): IterableIterator<RingEntry> {
    for (const [index, position] of this.#positions.entries()) {
      yield { position, nodeId: this.#memberAt(index).nodeId };
    }
  }

  #walk(start: number): string[] {
    const chosen: string[] = [];
    const perZone = new Map<string, number>();
    const taken = new Set<string>();
    for (let perZoneMax = 1; chosen.length < this.#replicaCount; perZoneMax += 1) {
      // How many this lap can add: one for each zone that has room for another.
      let room = [...this.#zoneSizes.values()].filter((size) => size >= perZoneMax).length;
      for (let step = 0; room > 0 && chosen.length < this.#replicaCount; step += 1) {
        const { nodeId, zone } = this.#memberAt((start + step) % this.#owners.length);
        const inZone = perZone.get(zone) ?? 0;
        if (taken.has(nodeId) || inZone >= perZoneMax) continue;
        taken.add(nodeId);
        perZone.set(zone, inZone + 1);
        chosen.push(nodeId);
        room -= 1;
      }
    }
    return chosen;
  }

  #memberAt(index: number): RingNode {
    const member = this.#members[this.#owners[index] ?? -1];
    if (member === undefined) throw new RangeError(`ring entry ${index} is out of range`);
    return member;
  }

  /** Index of the first entry at or after a position, wrapping around. */
  #firstAtOrAfter(position: bigint): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#positions[middle] ?? 0n) < position) low = middle + 1;
      else high = middle;
    }
    return low === this.#positions.length ? 0 : low;
  }
}

/** By code unit: the same on every machine, unlike a locale's order. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function countBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(keyOf(value), (counts.get(keyOf(value)) ?? 0) + 1);
  return counts;
}

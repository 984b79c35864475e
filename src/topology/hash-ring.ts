import { type Oid, oidBytes } from '../base/oid.ts';
import { RingEntries } from './ring-entries.ts';
import { halfOfBytes, halfOfHex, virtualNodePosition } from './ring-position.ts';
import type { Ring, RingNode } from './topology.ts';

/** A virtual node: a point of the ring and the node that owns the range up to it. */
export interface RingEntry {
  /** 0 to 2^64 - 1. */
  readonly position: bigint;
  readonly nodeId: string;
}

/** The positions between two virtual nodes, all of one placement. */
export interface RingRange {
  /** Where it ends, inclusive: the position of a virtual node; it begins behind the one before. */
  readonly position: bigint;
  /** What part of all positions it is, 0 to 1. */
  readonly share: number;
  readonly placement: readonly string[];
}

/** Weight of an ordinary node. */
const ordinaryWeight = 100;

/** How many virtual nodes a member has: its share of `ring.virtualNodes`, at least one. */
export function virtualNodeCount(ring: Ring, node: RingNode): number {
  return Math.max(1, Math.round((ring.virtualNodes * node.weight) / ordinaryWeight));
}

/** Members of a ring that is small: with three replicas it has at most 29,760 different placements. */
const keptMembersMax = 32;

/** Stands for the first member of a range that nobody has asked for. */
const notWalked = 0xffff_ffff;

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
  readonly #entries: RingEntries;
  /** Of each member, which zone it is in. */
  readonly #zones: Uint32Array;
  /** How many zones have that many members or more: so many replicas a lap of a walk can add. */
  readonly #zonesOfAtLeast: readonly number[];
  readonly #nodeIds: readonly string[];
  /** Of each range the members that it belongs to, walked when first asked for. */
  readonly #replicas: Uint32Array;
  /**
   * In a small ring the placement of each range, equal ones as one object. In a large one hardly two are equal, and
   * to make an array costs less than to fetch a kept one, which is in no cache of the processor.
   */
  readonly #kept: (readonly string[] | undefined)[] | undefined;
  readonly #distinct = new Map<string, readonly string[]>();

  constructor(ring: Ring) {
    this.#members = ring.nodes.toSorted((a, b) => compareText(a.nodeId, b.nodeId));
    this.#replicaCount = Math.min(ring.replicationFactor, this.#members.length);
    this.#entries = entriesOf(ring, this.#members);
    const zones = [...new Set(this.#members.map(({ zone }) => zone))];
    const numbers = new Map(zones.map((zone, number) => [zone, number]));
    this.#zones = Uint32Array.from(this.#members, ({ zone }) => numbers.get(zone) ?? 0);
    const sizes = zones.map((_, number) => this.#zones.filter((each) => each === number).length);
    this.#zonesOfAtLeast = Array.from(
      { length: this.#replicaCount + 1 },
      (_, least) => sizes.filter((size) => size >= least).length,
    );
    this.#nodeIds = this.#members.map(({ nodeId }) => nodeId);
    this.#replicas = new Uint32Array(this.#entries.length * this.#replicaCount).fill(notWalked);
    if (this.#members.length <= keptMembersMax) this.#kept = new Array(this.#entries.length);
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

  /**
   * Node ids of a blob's replicas in order of preference; fewer than N only when the ring has fewer
   * members. The blob is given by its id, by the 32 bytes of it, or by its position. Blobs of the same
   * nodes share the list of them where the ring has few members.
   */
  placement(at: Oid | Uint8Array | bigint): readonly string[] {
    if (this.#entries.length === 0) return noNodes;
    if (typeof at === 'string') return this.#placementAt(halfOfHex(at, 0), halfOfHex(at, 8));
    if (typeof at === 'bigint') return this.#placementAt(Number(at >> 32n), Number(at & 0xffff_ffffn));
    if (at.length !== oidBytes) throw new RangeError(`an Oid has ${oidBytes} bytes, not ${at.length}`);
    return this.#placementAt(halfOfBytes(at, 0), halfOfBytes(at, 4));
  }

  /** All virtual nodes by position. */
  *entries(): IterableIterator<RingEntry> {
    for (let index = 0; index < this.#entries.length; index += 1) {
      yield { position: this.#positionAt(index), nodeId: this.#nodeId(this.#entries.owners[index] ?? 0) };
    }
  }

  /** The placement of each range, by position. */
  *placements(): IterableIterator<readonly string[]> {
    for (let index = 0; index < this.#entries.length; index += 1) yield this.#rangePlacement(index);
  }

  /** All ranges by position, one for each virtual node. */
  *ranges(): IterableIterator<RingRange> {
    for (let index = 0; index < this.#entries.length; index += 1) {
      const placement = this.#rangePlacement(index);
      yield { position: this.#positionAt(index), share: this.#entries.width(index), placement };
    }
  }

  #placementAt(high: number, low: number): readonly string[] {
    return this.#rangePlacement(this.#entries.firstAtOrAfter(high, low));
  }

  #rangePlacement(index: number): readonly string[] {
    const kept = this.#kept?.[index];
    if (kept !== undefined) return kept;
    const first = index * this.#replicaCount;
    if (this.#replicas[first] === notWalked) this.#replicas.set(this.#walk(index), first);
    const placement = new Array<string>(this.#replicaCount);
    for (let order = 0; order < placement.length; order += 1) {
      placement[order] = this.#nodeIds[this.#replicas[first + order] ?? 0] ?? '';
    }
    return this.#kept === undefined ? placement : this.#keep(index, placement, this.#kept);
  }

  #keep(index: number, placement: readonly string[], kept: (readonly string[] | undefined)[]): readonly string[] {
    const key = placement.join();
    const shared = this.#distinct.get(key) ?? Object.freeze(placement);
    this.#distinct.set(key, shared);
    kept[index] = shared;
    return shared;
  }

  /** Numbers of the members that a range belongs to. */
  #walk(start: number): readonly number[] {
    const { owners } = this.#entries;
    const chosen: number[] = [];
    for (let perZoneMax = 1; chosen.length < this.#replicaCount; perZoneMax += 1) {
      let room = this.#zonesOfAtLeast[perZoneMax] ?? 0;
      for (let at = start; room > 0 && chosen.length < this.#replicaCount; at += 1) {
        if (at === owners.length) at = 0;
        const member = owners[at] ?? 0;
        if (!this.#isRoomFor(member, chosen, perZoneMax)) continue;
        chosen.push(member);
        room -= 1;
      }
    }
    return chosen;
  }

  /** Looked for anew each time: at most as many are chosen as a blob has replicas. */
  #isRoomFor(member: number, chosen: readonly number[], perZoneMax: number): boolean {
    const zone = this.#zones[member];
    let inZone = 0;
    for (const other of chosen) {
      if (other === member) return false;
      if (this.#zones[other] === zone) inZone += 1;
    }
    return inZone < perZoneMax;
  }

  #nodeId(member: number): string {
    const found = this.#members[member];
    if (found === undefined) throw new RangeError(`the ring has no member ${member}`);
    return found.nodeId;
  }

  #positionAt(index: number): bigint {
    return (BigInt(this.#entries.high[index] ?? 0) << 32n) | BigInt(this.#entries.low[index] ?? 0);
  }
}

const noNodes: readonly string[] = Object.freeze([]);

function entriesOf(ring: Ring, members: readonly RingNode[]): RingEntries {
  const counts = members.map((member) => virtualNodeCount(ring, member));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const [high, low, owners] = [new Uint32Array(total), new Uint32Array(total), new Uint32Array(total)];
  let at = 0;
  for (const [owner, { nodeId }] of members.entries()) {
    for (let index = 0; index < (counts[owner] ?? 0); index += 1) {
      const position = virtualNodePosition(nodeId, index);
      high[at] = position.high;
      low[at] = position.low;
      owners[at] = owner;
      at += 1;
    }
  }
  return new RingEntries(high, low, owners);
}

/** By code unit: the same on every machine, unlike a locale's order. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

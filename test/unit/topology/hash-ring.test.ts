import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oidOf, oidToBytes, positionOf } from '../../../src/base/oid.ts';
import { HashRing, virtualNodeCount } from '../../../src/topology/hash-ring.ts';
import type { Ring, RingNode } from '../../../src/topology/topology.ts';
import { naivePlacement } from './naive-ring.ts';

function ringOf(nodes: readonly RingNode[], changes: Partial<Ring> = {}): Ring {
  return { epoch: 1n, replicationFactor: 3, writeQuorum: 2, virtualNodes: 32, nodes, ...changes };
}

function nodesOf(count: number, zones = 0): RingNode[] {
  return Array.from({ length: count }, (_, index) => ({
    nodeId: `object-${index + 1}`,
    weight: 100,
    zone: zones === 0 ? '' : `zone-${index % zones}`,
  }));
}

const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const ringNode = fc.record({
  nodeId: fc.stringMatching(/^[a-z0-9.-]{1,12}$/),
  weight: fc.integer({ min: 1, max: 300 }),
  zone: fc.constantFrom('', 'a', 'b', 'c'),
});
const ring = fc
  .record({
    nodes: fc.uniqueArray(ringNode, { selector: ({ nodeId }) => nodeId, minLength: 1, maxLength: 12 }),
    replicationFactor: fc.integer({ min: 1, max: 5 }),
    virtualNodes: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ nodes, ...numbers }) => ringOf(nodes, numbers));

const samplePositions = Array.from({ length: 6_000 }, (_, index) => positionOf(oidOf(Buffer.from(`blob ${index}`))));

describe('the number of virtual nodes', () => {
  it.each([
    [100, 128, 128],
    [50, 128, 64],
    [200, 128, 256],
    [1, 8, 1],
  ])('is what weight %d of %d asks for', (weight, virtualNodes, count) => {
    const node = { nodeId: 'a', weight, zone: '' };
    expect(virtualNodeCount(ringOf([node], { virtualNodes }), node)).toBe(count);
  });
});

describe('HashRing', () => {
  it('places a blob on N distinct members, or on all there are', () => {
    fc.assert(
      fc.property(ring, position, (any, at) => {
        const placement = new HashRing(any).placement(at);
        expect(new Set(placement).size).toBe(placement.length);
        expect(placement.length).toBe(Math.min(any.replicationFactor, any.nodes.length));
        const members = any.nodes.map(({ nodeId }) => nodeId);
        expect(placement.filter((nodeId) => !members.includes(nodeId))).toEqual([]);
      }),
    );
  });

  it('gives no zone another replica while one with fewer has room', () => {
    fc.assert(
      fc.property(ring, position, (any, at) => {
        const zoneOf = new Map(any.nodes.map(({ nodeId, zone }) => [nodeId, zone]));
        const used = new Map<string, number>();
        for (const nodeId of new HashRing(any).placement(at)) {
          const zone = zoneOf.get(nodeId) ?? '';
          const before = used.get(zone) ?? 0;
          const withRoom = [...new Set(zoneOf.values())].filter(
            (other) => any.nodes.filter((node) => node.zone === other).length > (used.get(other) ?? 0),
          );
          expect(before).toBe(Math.min(...withRoom.map((other) => used.get(other) ?? 0)));
          used.set(zone, before + 1);
        }
      }),
    );
  });

  it('is what a plain walk over all virtual nodes gives, by id, by bytes and by position', () => {
    fc.assert(
      fc.property(ring, fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 }), (any, contents) => {
        const made = new HashRing(any);
        for (const oid of contents.map(oidOf)) {
          const naive = naivePlacement(any, positionOf(oid));
          expect(made.placement(oid)).toEqual(naive);
          expect(made.placement(oidToBytes(oid))).toEqual(naive);
          expect(made.placement(positionOf(oid))).toEqual(naive);
        }
      }),
    );
  });

  it('is what a plain walk gives at, just before and just behind every virtual node', () => {
    fc.assert(
      fc.property(ring, (any) => {
        const made = new HashRing(any);
        for (const { position } of [...made.entries()].slice(0, 20)) {
          for (const at of [position - 1n, position, position + 1n].map((one) => BigInt.asUintN(64, one))) {
            expect(made.placement(at)).toEqual(naivePlacement(any, at));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives blobs of the same nodes the same list in a small ring', () => {
    const made = new HashRing(ringOf(nodesOf(3)));
    expect(new Set(samplePositions.map((at) => made.placement(at))).size).toBe(6);
  });

  it('places alike with more members than it keeps placements of', () => {
    const large = ringOf(nodesOf(40, 3), { virtualNodes: 4 });
    const made = new HashRing(large);
    for (const at of samplePositions.slice(0, 200)) {
      expect(made.placement(at)).toEqual(naivePlacement(large, at));
      expect(made.placement(at)).toEqual(made.placement(at));
    }
  });

  it('refuses bytes that are no id', () => {
    expect(() => new HashRing(ringOf(nodesOf(3))).placement(Buffer.alloc(20))).toThrow(RangeError);
  });

  it('has a range for every virtual node, whose shares are the whole circle', () => {
    fc.assert(
      fc.property(ring, (any) => {
        const made = new HashRing(any);
        const ranges = [...made.ranges()];
        expect(ranges.map(({ position: at }) => at)).toEqual([...made.entries()].map(({ position: at }) => at));
        expect(ranges.map(({ placement }) => placement)).toEqual(ranges.map(({ position: at }) => made.placement(at)));
        expect([...made.placements()]).toEqual(ranges.map(({ placement }) => placement));
        expect(ranges.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
    );
  });

  it('depends on membership alone, not on the order of a list (M4)', () => {
    fc.assert(
      fc.property(ring, fc.array(position, { minLength: 1 }), fc.infiniteStream(fc.nat()), (any, at, ranks) => {
        const shuffled = any.nodes
          .map((node) => ({ node, rank: ranks.next().value ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ node }) => node);
        const rings = [new HashRing(any), new HashRing({ ...any, epoch: 9n, nodes: shuffled })];
        const [first, second] = rings.map((made) => at.map((one) => made.placement(one)));
        expect(second).toEqual(first);
        expect([...(rings[1]?.entries() ?? [])]).toEqual([...(rings[0]?.entries() ?? [])]);
      }),
    );
  });

  it('belongs to the entry at the position, or else to the next one clockwise', () => {
    fc.assert(
      fc.property(ring, position, (any, at) => {
        const made = new HashRing(any);
        const entries = [...made.entries()];
        const owner = entries.find((entry) => entry.position >= at) ?? entries[0];
        expect(made.placement(at)[0]).toBe(owner?.nodeId);
        for (const entry of entries.slice(0, 5)) expect(made.placement(entry.position)[0]).toBe(entry.nodeId);
      }),
    );
  });

  it('wraps around behind the last entry', () => {
    const made = new HashRing(ringOf(nodesOf(3)));
    expect(made.placement(2n ** 64n - 1n)).toEqual(made.placement(0n));
  });

  it('places an id by its first 8 bytes', () => {
    const made = new HashRing(ringOf(nodesOf(5)));
    const oid = oidOf(Buffer.from('a blob'));
    expect(made.placement(oid)).toEqual(made.placement(positionOf(oid)));
  });

  it('lists its entries by position, as many as the weights ask for', () => {
    const nodes = nodesOf(2).map((node, index) => ({ ...node, weight: index === 0 ? 100 : 300 }));
    const entries = [...new HashRing(ringOf(nodes)).entries()];
    expect(entries).toHaveLength(32 + 96);
    expect(entries.map((entry) => entry.position)).toEqual(
      entries.map((entry) => entry.position).toSorted((a, b) => (a < b ? -1 : 1)),
    );
    expect(entries.filter(({ nodeId }) => nodeId === 'object-2')).toHaveLength(96);
  });

  it('moves nothing but what goes to a member that joins', () => {
    const before = new HashRing(ringOf(nodesOf(6), { virtualNodes: 128 }));
    const after = new HashRing(ringOf(nodesOf(7), { virtualNodes: 128 }));
    let moved = 0;
    for (const at of samplePositions) {
      const added = after.placement(at).filter((nodeId) => !before.placement(at).includes(nodeId));
      expect(['', 'object-7']).toContain(added.join());
      moved += added.length;
    }
    // A seventh of the replicas, give or take half of it.
    expect(moved / samplePositions.length / 3).toBeGreaterThan(1 / 14);
    expect(moved / samplePositions.length / 3).toBeLessThan(3 / 14);
  });

  it('moves nothing but the replicas of a member that leaves', () => {
    const before = new HashRing(ringOf(nodesOf(7), { virtualNodes: 128 }));
    const after = new HashRing(ringOf(nodesOf(6), { virtualNodes: 128 }));
    for (const at of samplePositions) {
      const kept = before.placement(at).filter((nodeId) => nodeId !== 'object-7');
      expect(after.placement(at).slice(0, kept.length)).toEqual(kept);
    }
  });

  it('shares the blobs among equal members within a third of the mean', () => {
    const made = new HashRing(ringOf(nodesOf(8), { virtualNodes: 256 }));
    const shares = new Map<string, number>();
    for (const at of samplePositions) {
      for (const nodeId of made.placement(at)) shares.set(nodeId, (shares.get(nodeId) ?? 0) + 1);
    }
    const mean = (samplePositions.length * 3) / 8;
    for (const share of shares.values()) {
      expect(share).toBeGreaterThan((mean * 2) / 3);
      expect(share).toBeLessThan((mean * 4) / 3);
    }
  });

  it('gives a member of twice the weight about twice as many first replicas', () => {
    const nodes = nodesOf(4).map((node, index) => ({ ...node, weight: index === 0 ? 200 : 100 }));
    const made = new HashRing(ringOf(nodes, { virtualNodes: 256 }));
    const first = samplePositions.filter((at) => made.placement(at)[0] === 'object-1').length;
    expect(first / samplePositions.length).toBeGreaterThan(0.3);
    expect(first / samplePositions.length).toBeLessThan(0.5);
  });

  it('places nothing without members', () => {
    const made = new HashRing(ringOf([], { epoch: 0n }));
    expect(made.placement(7n)).toEqual([]);
    expect([...made.entries()]).toEqual([]);
  });

  it('is made once for each ring', () => {
    const one = ringOf(nodesOf(3));
    expect(HashRing.of(one)).toBe(HashRing.of(one));
    expect(HashRing.of({ ...one })).not.toBe(HashRing.of(one));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstPlacement } from '../../../src/topology/first-placement.ts';
import { spreadOf } from './planned-cluster.ts';

const ids = (count: number) => Array.from({ length: count }, (_, id) => id);
const nodesOf = (names: readonly string[], zone = '') => names.map((id) => ({ id, weight: 100, zone }));

describe('the first placement', () => {
  it('gives replicas and primaries to all nodes alike, and depends on the ids alone', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        names,
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 4 }),
        (nodeIds, count, replicas) => {
          const partitions = firstPlacement(ids(count), nodesOf(nodeIds), replicas);
          expect(partitions.map(({ id }) => id)).toEqual(ids(count));
          for (const each of partitions) {
            expect(new Set(each.replicas).size).toBe(Math.min(replicas, nodeIds.length));
            expect(each).toMatchObject({ epoch: 1n, inSync: each.replicas });
            expect(each.replicas).toContain(each.primaryId);
          }
          const held = nodeIds.map((id) => partitions.filter((each) => each.replicas.includes(id)).length);
          const led = nodeIds.map((id) => partitions.filter(({ primaryId }) => primaryId === id).length);
          expect([spreadOf(held) <= 1, spreadOf(led) <= 1]).toEqual([true, true]);
          expect(firstPlacement(ids(count), nodesOf(nodeIds.toReversed()), replicas)).toEqual(partitions);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('puts no two replicas of a partition into one zone while another has room', () => {
    const zones = ['x', 'y', 'z'].flatMap((zone, at) => nodesOf([`a-${at}`, `b-${at}`], zone));
    for (const [replicas, zoneCount] of [
      [2, 2],
      [3, 3],
      [4, 3],
    ] as const) {
      for (const each of firstPlacement(ids(30), zones, replicas)) {
        const used = new Set(each.replicas.map((id) => zones.find((node) => node.id === id)?.zone));
        expect(used.size).toBe(zoneCount);
      }
    }
  });

  it('goes by weight', () => {
    const nodes = [...nodesOf(['a', 'b', 'c']), { id: 'big', weight: 300, zone: '' }];
    const partitions = firstPlacement(ids(60), nodes, 1);
    const counts = nodes.map(({ id }) => partitions.filter(({ primaryId }) => primaryId === id).length);
    expect(counts).toEqual([10, 10, 10, 30]);
  });
});

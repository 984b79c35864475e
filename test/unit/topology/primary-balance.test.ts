import { describe, expect, it } from 'vitest';
import { NodeLoads } from '../../../src/topology/node-loads.ts';
import { levelPrimaries } from '../../../src/topology/primary-balance.ts';
import type { Partition } from '../../../src/topology/topology.ts';

/** Partitions as "primary: the others in sync". */
function sample(...texts: readonly string[]): readonly Partition[] {
  return texts.map((text, id) => {
    const [primaryId = '', others = ''] = text.split(':');
    const inSync = [primaryId, ...others.split(' ').filter((each) => each !== '')];
    return { id, epoch: 1n, primaryId, inSync, replicas: inSync };
  });
}

function levelled(partitions: readonly Partition[], nodes: readonly string[], movesMax = 100) {
  const sharers = nodes.map((id) => ({ id, weight: 100 }));
  const loads = new NodeLoads(partitions.length, partitions.length, sharers);
  for (const { primaryId } of partitions) loads.add(primaryId);
  const moves = levelPrimaries(partitions, { loads, givers: nodes, takers: nodes, movesMax });
  return { moves: moves.map(({ partition, primaryId }) => `${partition.id} to ${primaryId}`), loads };
}

describe('the balance of primaries', () => {
  it('moves from who has most to who has least, and stops when no two differ by two', () => {
    const partitions = sample('a:b c', 'a:b c', 'a:b c', 'a:b c', 'a:b c', 'b:a c');
    const { moves, loads } = levelled(partitions, ['a', 'b', 'c']);
    expect(moves).toHaveLength(3);
    expect(['a', 'b', 'c'].map((id) => loads.count(id))).toEqual([2, 2, 2]);
  });

  it.each([
    ['a difference of one', ['a:b', 'a:b', 'b:a']],
    ['nodes that are in sync with nobody', ['a:', 'a:', 'a:']],
    ['nodes that are in sync with none that has less', ['a:c', 'a:c', 'c:a', 'c:a']],
  ])('leaves %s alone', (_, texts) => {
    expect(levelled(sample(...texts), ['a', 'b']).moves).toEqual([]);
  });

  it('goes over others where no partition leads from the fullest to the emptiest', () => {
    const partitions = sample('a:b', 'a:b', 'a:b', 'b:c', 'b:c');
    const { moves, loads } = levelled(partitions, ['a', 'b', 'c']);
    expect(moves.some((move) => move.endsWith('to c'))).toBe(true);
    expect(Math.max(...['a', 'b', 'c'].map((id) => loads.count(id)))).toBe(2);
  });

  it('moves what has changed least often: what an operator has just moved stays', () => {
    const fresh = sample('a:b', 'a:b', 'a:b', 'b:a').map((each) => (each.id === 1 ? each : { ...each, epoch: 9n }));
    expect(levelled(fresh, ['a', 'b']).moves).toEqual(['1 to b']);
  });

  it('moves no more than it is allowed', () => {
    const partitions = sample(...Array.from({ length: 12 }, () => 'a:b'));
    expect(levelled(partitions, ['a', 'b'], 2).moves).toHaveLength(2);
  });
});

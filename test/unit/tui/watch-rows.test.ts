import { describe, expect, it } from 'vitest';
import { heartbeatBar, roleGroups } from '../../../src/tui/watch-rows.ts';
import { sampleSnapshot } from './sample-snapshot.ts';

describe('the bar of a heartbeat', () => {
  const bar = (ageMs: number) => {
    const [heartbeat] = sampleSnapshot().heartbeats.values();
    if (heartbeat === undefined) throw new Error('the sample has heartbeats');
    return heartbeatBar({ ...heartbeat, ageMs }, 12);
  };
  it.each([
    [0, '......|.....'],
    [1500, '###...|.....'],
    [3000, '######|.....'],
    [5000, '##########..'],
    [6000, '############'],
    [60_000, '############'],
  ])('at %i ms is %s', (ageMs, expected) => {
    expect(bar(ageMs)).toBe(expected);
  });
});

describe('the groups of nodes', () => {
  it('follow the roles, and number nodes as people do', () => {
    const snapshot = sampleSnapshot();
    const [first] = [...snapshot.topology.nodes.values()].filter(({ roles }) => roles.includes('object'));
    if (first === undefined) throw new Error('the sample has object nodes');
    const nodes = new Map([...snapshot.topology.nodes, ['object-10', { ...first, id: 'object-10' }]]);
    const groups = roleGroups({ ...snapshot, topology: { ...snapshot.topology, nodes } }, 10);
    expect(groups.map(({ role }) => role)).toEqual(['coordinator', 'object', 'metadata', 'frontend']);
    expect(groups[1]?.rows.map(({ id }) => id)).toEqual(['object-1', 'object-2', 'object-3', 'object-10']);
  });

  it('mark the leader, and say when a node has never been heard of', () => {
    const rows = roleGroups({ ...sampleSnapshot(), heartbeats: new Map() }, 10).flatMap((group) => group.rows);
    expect(rows.filter(({ leader }) => leader).map(({ id }) => id)).toEqual(['coordinator-1']);
    expect(rows.every(({ age }) => age === '-')).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { NodeLatencies } from '../../../../src/replication/node-latency.ts';
import type { Placement } from '../../../../src/replication/placement.ts';
import { ReplicaOrder } from '../../../../src/replication/read/replica-order.ts';
import type { NodeState } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { ringOf } from '../sample-ring.ts';
import { directoryOf, ScriptedNode } from '../scripted-node.ts';

interface Case {
  readonly states?: Readonly<Record<string, NodeState>>;
  readonly usualMs?: Readonly<Record<string, number>>;
  readonly local?: string;
}

/** An order over o1, o2 and o3, which the ring names in this order. */
function sample({ states = {}, usualMs = {}, local }: Case) {
  const nodeIds = ['o1', 'o2', 'o3'];
  const topology = ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: 'ACTIVE', ...states });
  const placement: Placement = { topology, ring: topology.ring, nodeIds };
  const latencies = new NodeLatencies({ clock: manualClock() });
  for (const [nodeId, ms] of Object.entries(usualMs)) {
    for (let call = 0; call < 8; call += 1) latencies.record(nodeId, 'get', ms);
  }
  const nodes = directoryOf(...nodeIds.map((id) => new ScriptedNode(id, id === local ? 'in-process' : undefined)));
  return { order: new ReplicaOrder({ nodes, latencies }), placement };
}

describe('the order of replicas', () => {
  it.each<[string, Case, string]>([
    ['is the ring’s when nothing is known', {}, 'o1 o2 o3'],
    ['has good states before doubtful ones', { states: { o1: 'DOWN', o2: 'SUSPECT' } }, 'o3 o2 o1'],
    ['has this process before others', { local: 'o3' }, 'o3 o1 o2'],
    ['has a good state before this process', { local: 'o3', states: { o3: 'SUSPECT' } }, 'o1 o2 o3'],
    ['has fast nodes before slow ones', { usualMs: { o1: 30, o2: 20, o3: 5 } }, 'o3 o2 o1'],
    ['has a state before a latency', { usualMs: { o1: 1, o2: 9, o3: 90 }, states: { o1: 'SUSPECT' } }, 'o2 o3 o1'],
    ['has this process before a faster node', { usualMs: { o1: 1, o2: 9, o3: 90 }, local: 'o3' }, 'o3 o1 o2'],
    ['is the ring’s among nodes that are about as fast', { usualMs: { o1: 14, o2: 10, o3: 12 } }, 'o1 o2 o3'],
    ['has a node of which nothing is known among the fast', { usualMs: { o1: 50, o3: 5 } }, 'o2 o3 o1'],
  ])('%s', (_, given, expected) => {
    const { order, placement } = sample(given);
    expect(order.order(placement).join(' ')).toBe(expected);
  });

  it('lets those about as fast as the first take turns, in even shares for every other read too', () => {
    const { order, placement } = sample({ usualMs: { o1: 1, o2: 1.2, o3: 80 } });
    const firsts = Array.from({ length: 400 }, () => order.takingTurns(placement));
    const even = firsts.filter((_, turn) => turn % 2 === 0);
    for (const some of [firsts, even]) {
      const share = some.filter(([first]) => first === 'o1').length / some.length;
      expect(share).toBeGreaterThan(0.45);
      expect(share).toBeLessThan(0.55);
    }
    for (const nodeIds of firsts) expect(nodeIds.toSorted()).toEqual(['o1', 'o2', 'o3']);
    expect(new Set(firsts.map(([, , last]) => last))).toEqual(new Set(['o3']));
  });

  it('does not let nodes take turns of which nothing is known', () => {
    const { order, placement } = sample({});
    for (let turn = 0; turn < 5; turn += 1) expect(order.takingTurns(placement)).toEqual(['o1', 'o2', 'o3']);
  });

  it('is empty for a ring without members', () => {
    const { order, placement } = sample({});
    expect(order.takingTurns({ ...placement, nodeIds: [] })).toEqual([]);
  });
});

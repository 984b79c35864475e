import { describe, expect, it } from 'vitest';
import { RingAbsence } from '../../../../src/replication/hints/ring-absence.ts';
import type { NodeState } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { healthy, ringOf } from '../sample-ring.ts';

const never = Number.POSITIVE_INFINITY;
const without = ringOf({ o2: 'ACTIVE', o3: 'ACTIVE', o4: 'ACTIVE' });

describe('the absence of nodes from the ring', () => {
  it.each<{ state: NodeState; waitMs: number }>([
    { state: 'ACTIVE', waitMs: 0 },
    { state: 'JOINING', waitMs: never },
    { state: 'SUSPECT', waitMs: never },
    { state: 'DRAINING', waitMs: never },
    { state: 'DOWN', waitMs: never },
  ])('lets a member be replayed to while it is ACTIVE alone: $state', ({ state, waitMs }) => {
    const absence = new RingAbsence({ clock: manualClock() });
    expect([...absence.waits(ringOf({ ...healthy, o1: state }), ['o3', 'o1'])]).toEqual([
      ['o3', 0],
      ['o1', waitMs],
    ]);
  });

  it('waits for a member of the ring that is not registered, however long it is away', () => {
    const clock = manualClock();
    const absence = new RingAbsence({ clock });
    const topology = ringOf(healthy);
    const unregistered = { ...topology, nodes: new Map([...topology.nodes].filter(([id]) => id !== 'o1')) };
    expect(absence.waits(unregistered, ['o1']).get('o1')).toBe(never);
    clock.advance(3_600_000);
    expect(absence.waits(unregistered, ['o1']).get('o1')).toBe(never);
  });

  it('gives up a node when it was out of the ring for five minutes in a row', () => {
    const clock = manualClock();
    const absence = new RingAbsence({ clock });
    const waitMs = (topology = without) => absence.waits(topology, ['o1']).get('o1');
    expect(waitMs()).toBe(300_000);
    clock.advance(200_000);
    expect(waitMs()).toBe(100_000);
    expect(waitMs(ringOf({ ...healthy, o1: 'DOWN' }))).toBe(never);
    expect(waitMs()).toBe(300_000);
    clock.advance(300_000);
    expect(waitMs()).toBe(0);
  });
});

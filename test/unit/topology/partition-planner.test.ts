import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeIntent, Topology } from '../../../src/topology/topology.ts';
import {
  carryOut,
  catchUp,
  countsOf,
  down,
  intent,
  joined,
  metadataCluster,
  partitionOf,
  plainNodes,
  plan,
  type SampleNode,
  settle,
  spreadOf,
} from './planned-cluster.ts';
import { applied } from './sample-cluster.ts';

const anyNodes = fc
  .array(fc.record({ zone: fc.constantFrom('a', 'b', 'c'), weight: fc.constantFrom(50, 100, 100, 200) }), {
    minLength: 1,
    maxLength: 7,
  })
  .map((list) => list.map((node, index): SampleNode => ({ id: `m-${index + 1}`, ...node })));
const anySettings = fc.record({
  partitions: fc.integer({ min: 1, max: 20 }),
  metadataReplicas: fc.integer({ min: 1, max: 4 }),
});

/** What happens to a cluster between two looks; a replica may have caught up meanwhile, or not. */
const anyEvent = fc.record({
  kind: fc.constantFrom('join', 'DRAIN', 'SERVE', 'down', 'nothing'),
  index: fc.nat({ max: 7 }),
  catchesUp: fc.boolean(),
});

function happened(topology: Topology, kind: string, index: number): Topology {
  const ids = [...topology.nodes.keys()];
  const id = ids[index % ids.length] ?? '';
  switch (kind) {
    case 'join':
      return ids.length > 8 ? topology : applied(topology, ...joined({ id: `late-${ids.length}`, zone: 'd' }));
    case 'DRAIN':
    case 'SERVE':
      return applied(topology, intent(id, kind satisfies NodeIntent));
    case 'down':
      return topology.nodes.get(id)?.state === 'ACTIVE' ? applied(topology, ...down(id, 1_000_000)) : topology;
    default:
      return topology;
  }
}

/** A cluster after some of its life, in which plans were carried out as they came. */
const anyCluster = fc
  .tuple(anyNodes, anySettings, fc.array(anyEvent, { maxLength: 6 }))
  .map(([nodes, settings, events]) =>
    events.reduce(
      (at, { kind, index, catchesUp }) => {
        const before = happened(at, kind, index);
        const after = carryOut(before, plan(before));
        return catchesUp ? catchUp(after) : after;
      },
      metadataCluster(nodes, settings),
    ),
  );

/** Whoever may keep what it has. */
function serving({ nodes }: Topology): readonly string[] {
  return [...nodes.values()].filter(({ intent: wanted }) => wanted === 'SERVE').map(({ id }) => id);
}

describe('a plan', () => {
  it('is accepted by the reducer, change by change, and leads to its end', () => {
    fc.assert(
      fc.property(anyCluster, (topology) => {
        const { topology: end } = settle(topology);
        const isWhole = [...end.nodes.values()].every(({ state }) => state === 'ACTIVE');
        const wanted = Math.min(end.settings.metadataReplicas, end.nodes.size);
        for (const { replicas, inSync } of end.partitions) {
          if (isWhole) expect([replicas.length, inSync.length]).toEqual([wanted, wanted]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('is the same whatever the order of nodes and reports, and has one change for a partition at most', () => {
    fc.assert(
      fc.property(anyCluster, (topology) => {
        const reversed = { ...topology, nodes: new Map([...topology.nodes].reverse()) };
        const first = plan(topology);
        expect(plan(reversed)).toEqual(first);
        const ids = first.changes.map(({ partition }) => partition.id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 100 },
    );
  });

  it('takes nobody into an in-sync set, and nobody from it but who is gone or no longer needed', () => {
    fc.assert(
      fc.property(anyCluster, (topology) => {
        for (const { partition, step } of plan(topology).changes) {
          const before = partitionOf(topology, partition.id);
          expect(before.inSync).toEqual(expect.arrayContaining([...partition.inSync]));
          if (before.inSync.length > partition.inSync.length) expect(['failover', 'remove-replica']).toContain(step);
          if (before.inSync.length >= 2 && serving(topology).length >= 2 && topology.settings.metadataReplicas >= 2) {
            expect(partition.inSync.length).toBeGreaterThanOrEqual(2);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('brings replicas and primaries into balance, and no two replicas into a zone while another has room', () => {
    const zones = fc.constantFrom(1, 2, 3);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), zones, anySettings, (perZone, zoneCount, settings) => {
        const [first, ...others] = Array.from({ length: perZone * zoneCount }, (_, index) => ({
          id: `m-${index}`,
          zone: `z-${index % zoneCount}`,
        }));
        if (first === undefined) return;
        const grown = others.reduce(
          (at, node) => settle(applied(at, ...joined(node))).topology,
          metadataCluster([first], settings),
        );
        const counts = countsOf(grown);
        expect(spreadOf(counts.map(({ replicas }) => replicas))).toBeLessThanOrEqual(1);
        expect(spreadOf(counts.map(({ primaries }) => primaries))).toBeLessThanOrEqual(1);
        for (const { replicas } of grown.partitions) {
          const used = new Set(replicas.map((id) => grown.nodes.get(id)?.labels.zone));
          expect(used.size).toBe(Math.min(zoneCount, replicas.length));
        }
      }),
      { numRuns: 40 },
    );
  });

  it.each([3, 4, 5, 8])('moves no more than a fair share to a node that joins %s others', (count) => {
    const before = metadataCluster(plainNodes(count), { partitions: 64 });
    const { topology, changes } = settle(applied(before, ...joined({ id: 'late' })));
    const additions = changes.filter(({ step }) => step === 'add-replica');
    const share = (64 * 3) / (count + 1);
    expect(additions.length).toBeLessThanOrEqual(Math.ceil(share));
    for (const { partition } of additions) expect(partition.replicas.at(-1)).toBe('late');
    expect(spreadOf(countsOf(topology).map(({ replicas }) => replicas))).toBeLessThanOrEqual(1);
  });

  it.each([4, 5, 8])(
    'moves only what was there from a drained one of %s nodes, and one more for the balance: primaries first',
    (count) => {
      const before = metadataCluster(plainNodes(count), { partitions: 64 });
      const held = countsOf(before).find(({ id }) => id === 'm-1')?.replicas ?? 0;
      const drained = applied(before, intent('m-1', 'DRAIN'));
      const first = plan(drained).changes.filter(({ step }) => step === 'handover');
      expect(first).toHaveLength(before.partitions.filter(({ primaryId }) => primaryId === 'm-1').length);
      const { topology, changes } = settle(drained);
      const additions = changes.filter(({ step }) => step === 'add-replica').length;
      expect(additions).toBeGreaterThanOrEqual(held);
      expect(additions).toBeLessThanOrEqual(held + 1);
      expect(topology.partitions.flatMap(({ replicas }) => replicas)).not.toContain('m-1');
      for (const { inSync, replicas } of topology.partitions) expect([inSync.length, replicas.length]).toEqual([3, 3]);
      expect(
        spreadOf(
          countsOf(topology)
            .slice(1)
            .map(({ replicas }) => replicas),
        ),
      ).toBeLessThanOrEqual(1);
    },
  );

  it('removes replicas from the topology and not from a copy of it: each change is made and looked at (H2)', () => {
    const drained = applied(metadataCluster(plainNodes(4), { partitions: 12 }), intent('m-1', 'DRAIN'));
    const { changes } = plan(
      catchUp(carryOut(carryOut(drained, plan(drained)), plan(carryOut(drained, plan(drained))))),
    );
    const removals = changes.filter(({ step }) => step === 'remove-replica');
    expect(removals.length).toBeGreaterThan(0);
    for (const { partition } of removals) expect(partition.replicas).not.toContain('m-1');
    const { topology } = settle(drained);
    for (const { inSync, replicas } of topology.partitions) expect([...inSync, ...replicas]).not.toContain('m-1');
  });

  it('never has fewer replicas in sync during a drain than before it', () => {
    const before = metadataCluster(plainNodes(5), { partitions: 16 });
    let topology = applied(before, intent('m-2', 'DRAIN'));
    for (let round = 0; round < 40; round += 1) {
      topology = carryOut(topology, plan(topology));
      for (const { inSync } of topology.partitions) expect(inSync.length).toBeGreaterThanOrEqual(3);
      // Only some of those that could have caught up have done so.
      if (round % 3 === 0) topology = catchUp(topology);
    }
    expect(plan(topology).changes).toEqual([]);
  });

  it('copies a few partitions at a time, and says of the others that they wait', () => {
    const before = metadataCluster(plainNodes(3), { partitions: 64, metadataReplicas: 4 });
    const { changes, deferred } = plan(applied(before, ...joined({ id: 'late' })));
    expect(changes).toHaveLength(8);
    expect(deferred).toHaveLength(56);
    expect(deferred[0]).toMatchObject({ step: 'add-replica', reason: expect.stringContaining('catch up') });
  });

  it('leaves what an operator has moved with whom it was moved to', () => {
    const before = metadataCluster(plainNodes(4), { partitions: 16 });
    const wanted = partitionOf(before, 5);
    const target = plainNodes(4).find(({ id }) => !wanted.replicas.includes(id))?.id ?? '';
    const usual = { generations: new Map(), acceptDataLoss: false, raiseEpoch: false };
    const by = { actor: 'ada', reason: 'partition move' };
    const ask = (topology: Topology, changes: object) => {
      const partition = { ...partitionOf(topology, 5), ...changes };
      return applied(topology, { kind: 'change-partition', atMs: 0, partition, ...usual, by });
    };
    const added = ask(before, { replicas: [...wanted.replicas, target] });
    expect(plan(added).changes.filter(({ partition }) => partition.id === 5)).toEqual([]);
    const moved = ask(catchUp(added), { primaryId: target });
    const { topology } = settle(moved);
    expect(partitionOf(topology, 5).primaryId).toBe(target);
    expect(partitionOf(topology, 5).replicas).toHaveLength(3);
  });

  it('leaves the replicas of a node that is away where they are, until another node takes them', () => {
    const before = metadataCluster(plainNodes(3), { partitions: 4 });
    const away = applied(before, ...down('m-3', 0));
    const { topology } = settle(away);
    for (const { replicas, primaryId } of topology.partitions) {
      expect(replicas).toContain('m-3');
      expect(primaryId).not.toBe('m-3');
    }
    const { topology: replaced } = settle(applied(topology, ...joined({ id: 'm-4' })));
    for (const { replicas } of replaced.partitions) expect(replicas.toSorted()).toEqual(['m-1', 'm-2', 'm-4']);
  });
});

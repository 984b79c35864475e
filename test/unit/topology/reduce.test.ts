import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { hasCode, StratumError } from '../../../src/base/errors.ts';
import { applyUpdate } from '../../../src/topology/apply-update.ts';
import type { TopologyCommand } from '../../../src/topology/commands.ts';
import { hasDataPlaced } from '../../../src/topology/node-duties.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { type NodeState, nodeRoles, type Topology, type TopologyUpdate } from '../../../src/topology/topology.ts';
import {
  applied,
  emptyCluster,
  formedCluster,
  nodeOf,
  register,
  sampleRegistration,
  setState,
} from './sample-cluster.ts';

const withCode = (code: ErrorCode) => expect.toSatisfy((error) => hasCode(error, code));

describe('reduce', () => {
  it('raises the version by one and carries the term of the leader', () => {
    const { topology, update } = reduce(emptyCluster(), register(), 9n);
    expect(topology).toMatchObject({ version: 1n, term: 9n });
    expect(update).toMatchObject({ version: 1n, previousVersion: 0n, term: 9n });
  });

  it('keeps version and term when a command changes nothing', () => {
    const topology = applied(emptyCluster(), register(), setState('object-1', 'ACTIVE'));
    expect(reduce(topology, setState('object-1', 'ACTIVE'), 5n)).toEqual({ topology, update: undefined });
  });

  it('does not touch the topology that it is given', () => {
    const before = formedCluster();
    const copy = structuredClone(before);
    applied(before, register({ id: 'x' }), setState('object-1', 'SUSPECT'));
    expect(before).toEqual(copy);
  });

  it('removes a node without data and takes the removal of an unknown one for done', () => {
    const topology = applied(emptyCluster(), register());
    const command: TopologyCommand = { kind: 'deregister-node', atMs: 0, nodeId: 'object-1', generationId: 1n };
    const removed = reduce(topology, command, 1n);
    expect(removed.topology.nodes.size).toBe(0);
    expect(removed.update).toMatchObject({ version: 2n, nodesRemoved: ['object-1'], nodesChanged: [] });
    expect(reduce(removed.topology, command, 1n).update).toBeUndefined();
  });

  it.each<[string, TopologyCommand, ErrorCode]>([
    ['removal of a ring member', { kind: 'deregister-node', atMs: 0, nodeId: 'object-1', generationId: 1n }, 'UNSAFE'],
    ['removal of a primary', { kind: 'deregister-node', atMs: 0, nodeId: 'metadata-1', generationId: 1n }, 'UNSAFE'],
    [
      'removal asked for by another generation',
      { kind: 'deregister-node', atMs: 0, nodeId: 'object-1', generationId: 2n },
      'ZOMBIE_NODE',
    ],
    ['a state for a node that is not there', setState('nobody', 'ACTIVE'), 'NODE_NOT_FOUND'],
    ['a state for an older generation', setState('object-1', 'SUSPECT', 0n), 'ZOMBIE_NODE'],
    ['DOWN without SUSPECT before', setState('object-1', 'DOWN'), 'VERSION_CONFLICT'],
    ['a state that only a registration gives', setState('object-1', 'JOINING'), 'VERSION_CONFLICT'],
    ['a state that only an operator gives', setState('object-1', 'DRAINING'), 'VERSION_CONFLICT'],
  ])('refuses %s', (_, command, code) => {
    expect(() => reduce(formedCluster(), command, 1n)).toThrow(withCode(code));
  });

  it('goes through SUSPECT and DOWN and back with the time of each change', () => {
    const path = [setState('object-1', 'SUSPECT', 1n, 10), setState('object-1', 'DOWN', 1n, 20)];
    const down = applied(formedCluster(), ...path);
    expect(nodeOf(down, 'object-1')).toMatchObject({ state: 'DOWN', stateSinceMs: 20 });
    const back = applied(down, setState('object-1', 'ACTIVE', 1n, 30));
    expect(nodeOf(back, 'object-1')).toMatchObject({ state: 'ACTIVE', stateSinceMs: 30 });
  });
});

const nodeIds = ['a', 'b', 'c', 'd', 'e'];
const states: readonly NodeState[] = ['JOINING', 'ACTIVE', 'SUSPECT', 'DRAINING', 'DOWN'];
const anyId = fc.constantFrom(...nodeIds);
const anyGeneration = fc.bigInt({ min: 0n, max: 4n });
const anyCommand: fc.Arbitrary<TopologyCommand> = fc.oneof(
  fc.record({
    kind: fc.constant('register-node' as const),
    atMs: fc.nat(),
    node: fc
      .record({
        id: anyId,
        generationId: anyGeneration,
        roles: fc.subarray([...nodeRoles], { minLength: 1 }),
        weight: fc.integer({ min: 1, max: 3 }),
        diskId: fc.constantFrom('disk', 'disk', 'disk', 'other'),
        labels: fc.dictionary(fc.constantFrom('zone', 'rack'), fc.constantFrom('x', 'y')),
      })
      .map(sampleRegistration),
  }),
  fc.record({
    kind: fc.constant('deregister-node' as const),
    atMs: fc.nat(),
    nodeId: anyId,
    generationId: anyGeneration,
  }),
  fc.record({
    kind: fc.constant('set-node-state' as const),
    atMs: fc.nat(),
    nodeId: anyId,
    generationId: anyGeneration,
    state: fc.constantFrom<NodeState>('ACTIVE', 'ACTIVE', 'ACTIVE', ...states),
    reason: fc.constant('because'),
  }),
);

/** Applies a command; a refusal leaves everything as it is, and must be a StratumError of a known kind. */
function attempt(topology: Topology, command: TopologyCommand, term: bigint) {
  try {
    return reduce(topology, command, term);
  } catch (error) {
    if (!(error instanceof StratumError)) throw error;
    expect(['ZOMBIE_NODE', 'NODE_NOT_FOUND', 'UNSAFE', 'VERSION_CONFLICT']).toContain(error.code);
    return { topology, update: undefined };
  }
}

/** What must hold in every topology. */
function assertSound(before: Topology, after: Topology): void {
  const members = after.ring.nodes.map(({ nodeId }) => nodeId);
  const primaries = after.partitions.map(({ primaryId }) => primaryId);
  for (const id of [...members, ...primaries.filter((id) => id !== '')]) expect(after.nodes.has(id)).toBe(true);
  for (const node of after.nodes.values()) {
    const known = before.nodes.get(node.id);
    if (known !== undefined) expect(node.generationId >= known.generationId).toBe(true);
    if (node.state === 'JOINING') expect(hasDataPlaced(after, node.id)).toBe(false);
  }
  for (const id of members) expect(after.nodes.get(id)?.roles).toContain('object');
  for (const id of primaries) if (id !== '') expect(after.nodes.get(id)?.roles).toContain('metadata');
  // Placement never changes once it is made.
  if (before.ring.epoch > 0n) expect(after.ring).toBe(before.ring);
  const wasAssigned = before.partitions.some(({ epoch }) => epoch > 0n);
  if (wasAssigned) expect(after.partitions).toBe(before.partitions);
  const assigned = after.partitions.filter(({ epoch }) => epoch > 0n).length;
  expect([0, after.partitions.length]).toContain(assigned);
}

describe('any history of commands', () => {
  it('has versions without gaps that never fall, and sound topologies (invariants 4 and 5)', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 60 }), (commands) => {
        let topology = emptyCluster({ bootstrapExpectObject: 2 });
        for (const command of commands) {
          const next = attempt(topology, command, 1n);
          expect(next.topology.version).toBe(topology.version + (next.update === undefined ? 0n : 1n));
          if (next.update === undefined) expect(next.topology).toBe(topology);
          else expect(next.topology).not.toEqual({ ...topology, version: next.topology.version });
          assertSound(topology, next.topology);
          topology = next.topology;
        }
      }),
      { numRuns: 200 },
    );
  });

  it('brings a watcher that starts at any version to the same topology', () => {
    const histories = fc.array(anyCommand, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(histories, fc.nat({ max: 40 }), (commands, from) => {
        const topologies = [emptyCluster({ bootstrapExpectObject: 2 })];
        const updates: TopologyUpdate[] = [];
        for (const command of commands) {
          const { topology, update } = attempt(topologies.at(-1) ?? emptyCluster(), command, 2n);
          if (update === undefined) continue;
          topologies.push(topology);
          updates.push(update);
        }
        const start = Math.min(from, updates.length);
        const watched = updates.slice(start).reduce(applyUpdate, topologies[start] ?? emptyCluster());
        expect(watched).toEqual(topologies.at(-1));
      }),
      { numRuns: 200 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { hasCode, StratumError } from '../../../src/base/errors.ts';
import { TopologyUpdate as UpdateMessage } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { decodeUpdate, encodeUpdate } from '../../../src/rpc/topology-codec.ts';
import { applyUpdate } from '../../../src/topology/apply-update.ts';
import type { TopologyCommand } from '../../../src/topology/commands.ts';
import { hasDataPlaced } from '../../../src/topology/node-duties.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Partition, Topology, TopologyUpdate } from '../../../src/topology/topology.ts';
import { anyCommand } from './any-command.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

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

const refusals: readonly ErrorCode[] = [
  'ZOMBIE_NODE',
  'NODE_NOT_FOUND',
  'NOT_FOUND',
  'UNSAFE',
  'VERSION_CONFLICT',
  'INVALID_ARGUMENT',
  'UNIMPLEMENTED',
];

/** Applies a command; a refusal leaves everything as it is, and must be a StratumError of a known kind. */
function attempt(topology: Topology, command: TopologyCommand, term: bigint) {
  const copy = structuredClone(topology);
  try {
    return reduce(topology, command, term);
  } catch (error) {
    if (!(error instanceof StratumError)) throw error;
    expect(refusals).toContain(error.code);
    expect(topology).toEqual(copy);
    return { topology, update: undefined };
  }
}

/** A cluster of two partitions that two object nodes and two metadata nodes form. */
const smallCluster = () => emptyCluster({ bootstrapExpectObject: 2, partitions: 2 });

/** Every topology and update of a history from a small cluster's first version on. */
function play(commands: readonly TopologyCommand[]) {
  const topologies = [smallCluster()];
  const updates: TopologyUpdate[] = [];
  for (const command of commands) {
    const { topology, update } = attempt(topologies.at(-1) ?? emptyCluster(), command, 2n);
    if (update === undefined) continue;
    topologies.push(topology);
    updates.push(update);
  }
  return { topologies, updates };
}

/** What must hold in every topology. */
function assertSound(before: Topology, after: Topology, acceptsDataLoss: boolean): void {
  const members = after.ring.nodes.map(({ nodeId }) => nodeId);
  for (const id of members) expect(after.nodes.get(id)?.roles).toContain('object');
  for (const node of after.nodes.values()) {
    const known = before.nodes.get(node.id);
    if (known !== undefined) expect(node.generationId >= known.generationId).toBe(true);
    if (node.state === 'JOINING') expect(hasDataPlaced(after, node.id)).toBe(false);
    if (node.state === 'DRAINING') expect(node.intent).toBe('DRAIN');
    if (node.state === 'ACTIVE' || node.state === 'SUSPECT') expect(node.intent).toBe('SERVE');
    expect(node.intentAudit !== undefined || node.intent === 'SERVE').toBe(true);
  }
  const { replicationFactor, writeQuorum } = after.settings;
  expect(after.ring).toMatchObject({ replicationFactor, writeQuorum });
  expect(writeQuorum >= 1 && writeQuorum <= replicationFactor).toBe(true);
  // Placement of blobs never changes once it is made.
  if (before.ring.epoch > 0n) expect(after.ring).toBe(before.ring);
  for (const [index, partition] of after.partitions.entries()) {
    assertSoundPartition(before.partitions[index], partition, after, acceptsDataLoss);
  }
}

function assertSoundPartition(
  before: Partition | undefined,
  after: Partition,
  { nodes, settings }: Topology,
  acceptsDataLoss: boolean,
): void {
  if (before === after || before === undefined) return;
  expect(after.epoch).toBe(before.epoch + 1n);
  expect(after.inSync).toContain(after.primaryId);
  expect(after.replicas).toEqual(expect.arrayContaining([...after.inSync]));
  for (const id of after.replicas) expect(nodes.get(id)?.roles).toContain('metadata');
  if (before.epoch === 0n || acceptsDataLoss) return;
  expect(before.inSync).toContain(after.primaryId);
  expect(before.inSync.some((id) => after.inSync.includes(id))).toBe(true);
  const serving = [...nodes.values()].filter(({ roles, intent }) => roles.includes('metadata') && intent === 'SERVE');
  if (serving.length < 2 || settings.metadataReplicas < 2 || before.inSync.length < 2) return;
  expect(after.inSync.length).toBeGreaterThanOrEqual(2);
}

describe('any history of commands', () => {
  it('has versions without gaps that never fall, and sound topologies (invariants 4 and 5)', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 60 }), (commands) => {
        let topology = smallCluster();
        for (const command of commands) {
          const next = attempt(topology, command, 1n);
          expect(next.topology.version).toBe(topology.version + (next.update === undefined ? 0n : 1n));
          if (next.update === undefined) expect(next.topology).toBe(topology);
          else {
            expect(next.topology).not.toEqual({ ...topology, version: next.topology.version });
            expect(applyUpdate(topology, next.update)).toEqual(next.topology);
            const isAsked = 'by' in command;
            expect(next.update.audit).toEqual(isAsked ? { ...command.by, atMs: command.atMs } : undefined);
          }
          assertSound(topology, next.topology, command.kind === 'change-partition' && command.acceptDataLoss);
          topology = next.topology;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('brings a watcher that starts at any version to the same topology', () => {
    const histories = fc.array(anyCommand, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(histories, fc.nat({ max: 40 }), (commands, from) => {
        const { topologies, updates } = play(commands);
        const start = Math.min(from, updates.length);
        const watched = updates.slice(start).reduce(applyUpdate, topologies[start] ?? emptyCluster());
        expect(watched).toEqual(topologies.at(-1));
      }),
      { numRuns: 200 },
    );
  });

  it('is the same when its updates come over the wire', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
        const { topologies, updates } = play(commands);
        const received = updates.map((update) =>
          decodeUpdate(UpdateMessage.decode(UpdateMessage.encode(encodeUpdate(update)).finish())),
        );
        expect(received).toEqual(updates);
        expect(received.reduce(applyUpdate, topologies[0] ?? emptyCluster())).toEqual(topologies.at(-1));
      }),
      { numRuns: 100 },
    );
  });

  it('reaches every kind of change, or these properties would say little', () => {
    const reasons = fc
      .sample(fc.array(anyCommand, { minLength: 60, maxLength: 60 }), { numRuns: 300, seed: 7 })
      .flatMap((commands) => play(commands).updates.map(({ reason }) => reason));
    const kinds = [
      /^drain/,
      /^take the drain/,
      /^remove/,
      /^evict/,
      /^ring settings: .*copies/,
      /^ring settings: .*weights/,
      /^partition \d epoch 1/,
      /^partition \d epoch 2/,
      /ring 1 formed/,
      /2 partitions assigned/,
      /handed over/,
      /after the loss of its disk/,
      /which would have too few members/,
      /is DRAINING: because/,
    ];
    expect(kinds.filter((kind) => !reasons.some((reason) => kind.test(reason)))).toEqual([]);
  });
});

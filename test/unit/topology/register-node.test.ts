import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { hasCode } from '../../../src/base/errors.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { NodeRegistration, NodeState } from '../../../src/topology/topology.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

const withCode = (code: ErrorCode) => expect.toSatisfy((error) => hasCode(error, code));

describe('a registration', () => {
  it('of a new node makes it JOINING, with the time of the command', () => {
    const { topology, update } = reduce(emptyCluster(), register({}, 5_000), 1n);
    expect(nodeOf(topology, 'object-1')).toMatchObject({
      state: 'JOINING',
      stateSinceMs: 5_000,
      registeredAtMs: 5_000,
      intent: 'SERVE',
    });
    expect(update?.reason).toBe('register object-1');
  });

  it.each([
    ['of 1,100 nodes that are JOINING', 1_100, 'JOINING'],
    ['of 5,000 nodes', 5_000, 'ACTIVE'],
  ] as const)('beside a crowd %s is put off, and one of a known node is not', (_name, count, state) => {
    const sample = nodeOf(applied(emptyCluster(), register()), 'object-1');
    const ids = Array.from({ length: count }, (_, index) => `node-${index}`);
    const nodes = new Map(ids.map((id) => [id, { ...sample, id, state }]));
    const crowded = { ...emptyCluster(), nodes };
    expect(() => reduce(crowded, register({ id: 'late' }), 1n)).toThrow(withCode('RATE_LIMITED'));
    expect(reduce(crowded, register({ id: 'node-7', generationId: 9n }), 1n).update).toBeDefined();
    nodes.delete('node-0');
    expect(reduce(crowded, register({ id: 'late' }), 1n).update).toBeDefined();
  });

  it('with the same data changes nothing, in whatever order roles and labels are given', () => {
    const first = register({ roles: ['object', 'metadata'], labels: { zone: 'a', rack: 'b' } });
    const again = register({ roles: ['metadata', 'object'], labels: { rack: 'b', zone: 'a' } }, 9_000);
    const topology = applied(emptyCluster(), first);
    expect(reduce(topology, again, 2n)).toEqual({ topology, update: undefined });
  });

  it('of the same process with other data takes the data over and keeps its state', () => {
    const topology = applied(emptyCluster(), register(), setState('object-1', 'ACTIVE'));
    const moved = applied(topology, register({ address: '127.0.0.1:7002' }));
    expect(nodeOf(moved, 'object-1')).toMatchObject({ state: 'ACTIVE', address: '127.0.0.1:7002' });
  });

  it.each<[NodeState, readonly NodeState[], NodeState]>([
    ['JOINING', [], 'JOINING'],
    ['ACTIVE', ['ACTIVE'], 'SUSPECT'],
    ['SUSPECT', ['ACTIVE', 'SUSPECT'], 'SUSPECT'],
    ['DOWN', ['ACTIVE', 'SUSPECT', 'DOWN'], 'DOWN'],
  ])('of a newer process finds the node %s and keeps its place', (_, path, expected) => {
    const before = applied(emptyCluster(), register(), ...path.map((state) => setState('object-1', state)));
    const topology = applied(before, register({ generationId: 2n }, 700));
    expect(nodeOf(topology, 'object-1')).toMatchObject({ state: expected, generationId: 2n, registeredAtMs: 0 });
  });

  it('of a newer process that never was ACTIVE gives it its whole time to join again', () => {
    const topology = applied(emptyCluster(), register({}, 100), register({ generationId: 2n }, 900));
    expect(nodeOf(topology, 'object-1')).toMatchObject({ state: 'JOINING', stateSinceMs: 900, registeredAtMs: 100 });
  });

  it('of a newer process of a draining node keeps drain and intent', () => {
    const drain = {
      kind: 'set-node-intent',
      atMs: 5,
      nodeId: 'object-1',
      intent: 'DRAIN',
      expectedVersion: undefined,
      by: sampleRequester,
    } as const;
    const topology = applied(formedCluster(), drain, register({ generationId: 2n }, 9));
    expect(nodeOf(topology, 'object-1')).toMatchObject({
      state: 'DRAINING',
      stateSinceMs: 5,
      intent: 'DRAIN',
      intentAudit: { actor: sampleRequester.actor },
    });
  });

  it('repeated by a process does not take back the weight that an operator has set; that of the next one does', () => {
    const weights = new Map([['object-1', 250]]);
    const config = {
      kind: 'set-ring-config',
      atMs: 0,
      expectedEpoch: 0n,
      replicationFactor: undefined,
      writeQuorum: undefined,
      weights,
      by: sampleRequester,
    } as const;
    const weighed = applied(emptyCluster(), register(), config);
    expect(reduce(weighed, register(), 1n).update).toBeUndefined();
    expect(nodeOf(applied(weighed, register({ address: '127.0.0.1:7002' })), 'object-1').weight).toBe(250);
    expect(nodeOf(applied(weighed, register({ generationId: 2n })), 'object-1').weight).toBe(100);
  });

  it('leaves ring and partitions as they are when a member restarts', () => {
    const before = formedCluster();
    const topology = applied(before, register({ generationId: 2n }));
    expect(topology.ring).toBe(before.ring);
    expect(topology.partitions).toBe(before.partitions);
  });

  it('with other roles makes a node without data JOINING again', () => {
    const before = applied(emptyCluster(), register({ roles: ['frontend'] }), setState('object-1', 'ACTIVE'));
    const topology = applied(before, register({ generationId: 2n, roles: ['frontend', 'metadata'] }));
    expect(nodeOf(topology, 'object-1').state).toBe('JOINING');
  });

  it('with one more role keeps the place of a node with data', () => {
    const topology = applied(formedCluster(), register({ generationId: 2n, roles: ['object', 'frontend'] }));
    expect(nodeOf(topology, 'object-1').state).toBe('SUSPECT');
  });

  it('with another disk is accepted while nothing is placed on the node', () => {
    const topology = applied(emptyCluster(), register(), register({ generationId: 2n, diskId: 'new' }));
    expect(nodeOf(topology, 'object-1').diskId).toBe('new');
  });

  it.each<[string, Partial<NodeRegistration>, ErrorCode]>([
    ['an older process', { generationId: 0n }, 'ZOMBIE_NODE'],
    ['a wiped disk under the name of a ring member', { generationId: 2n, diskId: 'new' }, 'UNSAFE'],
    ['a second process of the same generation', { diskId: 'new' }, 'UNSAFE'],
    ['a ring member without the object role', { generationId: 2n, roles: ['frontend'] }, 'UNSAFE'],
    [
      'a primary that too few others are in sync with on another disk',
      { id: 'metadata-1', roles: ['metadata'], generationId: 2n, diskId: 'new' },
      'UNSAFE',
    ],
    ['a primary without the metadata role', { id: 'metadata-1', generationId: 2n, roles: ['object'] }, 'UNSAFE'],
  ])('refuses %s', (_, changes, code) => {
    expect(() => reduce(formedCluster(), register(changes), 1n)).toThrow(withCode(code));
  });

  it('tells a zombie which generation is expected', () => {
    const topology = applied(emptyCluster(), register({ generationId: 7n }));
    expect(() => reduce(topology, register({ generationId: 6n }), 1n)).toThrow(
      expect.objectContaining({
        details: { nodeId: 'object-1', expectedGeneration: 7n, givenGeneration: 6n },
        hint: expect.stringContaining('taken over'),
      }),
    );
  });

  it('tells the operator of a wiped disk what to do', () => {
    expect(() => reduce(formedCluster(), register({ generationId: 2n, diskId: 'new' }), 1n)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('bring the old folder back') }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { hasCode } from '../../../src/base/errors.ts';
import type { SetNodeIntent } from '../../../src/topology/commands.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { NodeIntent, NodeState, Topology } from '../../../src/topology/topology.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

const withCode = (code: ErrorCode) => expect.toSatisfy((error) => hasCode(error, code));
const audit = { ...sampleRequester, atMs: 500 };

function intend(intent: NodeIntent, changes: Partial<SetNodeIntent> = {}): SetNodeIntent {
  const command = { kind: 'set-node-intent', atMs: 500, nodeId: 'object-1', expectedVersion: undefined } as const;
  return { ...command, intent, by: sampleRequester, ...changes };
}

/** `object-1` of a formed cluster, or of one that it alone has joined, in the state. */
function inState(state: NodeState, topology: Topology): Topology {
  const node = { ...nodeOf(topology, 'object-1'), state, stateSinceMs: 7 };
  return { ...topology, nodes: new Map([...topology.nodes, [node.id, node]]) };
}

const formed = (state: NodeState) => inState(state, formedCluster());
const alone = (state: NodeState) => inState(state, applied(emptyCluster(), register()));

describe('a drain', () => {
  it.each<[NodeState, NodeState, number]>([
    ['ACTIVE', 'DRAINING', 500],
    ['SUSPECT', 'DRAINING', 500],
    ['JOINING', 'JOINING', 7],
    ['DOWN', 'DOWN', 7],
  ])('of a node that is %s makes it %s', (state, expected, stateSinceMs) => {
    const { topology, update } = reduce(alone(state), intend('DRAIN'), 1n);
    expect(nodeOf(topology, 'object-1')).toMatchObject({
      state: expected,
      stateSinceMs,
      intent: 'DRAIN',
      intentAudit: audit,
    });
    expect(update).toMatchObject({ reason: 'drain object-1', audit });
  });

  it('moves no data yet', () => {
    const before = formed('ACTIVE');
    const topology = applied(before, intend('DRAIN'));
    expect(topology.ring).toBe(before.ring);
    expect(topology.partitions).toBe(before.partitions);
  });

  it('is for a coordinator as for any node', () => {
    const before = applied(emptyCluster(), register({ roles: ['coordinator'] }), setState('object-1', 'ACTIVE'));
    expect(nodeOf(applied(before, intend('DRAIN')), 'object-1').state).toBe('DRAINING');
  });

  it('keeps a node out of the first ring', () => {
    const objects = ['object-1', 'object-2', 'object-3', 'object-4'];
    const [first = register(), ...rest] = objects.map((id) => register({ id }));
    const states = ['object-2', 'object-3', 'object-4'].map((id) => setState(id, 'ACTIVE'));
    const drained = applied(emptyCluster(), first, setState('object-1', 'ACTIVE'), intend('DRAIN'), ...rest, ...states);
    expect(drained.ring.nodes.map(({ nodeId }) => nodeId)).toEqual(['object-2', 'object-3', 'object-4']);
    // Its place went to others meanwhile, so it waits for one like any late joiner.
    expect(nodeOf(applied(drained, intend('SERVE')), 'object-1').state).toBe('JOINING');
  });

  it('outlives death and return of its node', () => {
    const down = applied(formed('ACTIVE'), intend('DRAIN'), setState('object-1', 'DOWN'));
    expect(nodeOf(down, 'object-1')).toMatchObject({ state: 'DOWN', intent: 'DRAIN' });
    expect(() => reduce(down, setState('object-1', 'ACTIVE'), 1n)).toThrow(withCode('VERSION_CONFLICT'));
    const back = applied(down, setState('object-1', 'DRAINING'));
    expect(nodeOf(back, 'object-1')).toMatchObject({ state: 'DRAINING', intent: 'DRAIN' });
  });
});

describe('a drain taken back', () => {
  it.each<[NodeState, NodeState, number]>([
    ['DRAINING', 'ACTIVE', 500],
    ['DOWN', 'DOWN', 7],
    ['JOINING', 'JOINING', 7],
  ])('of a node that is %s makes it %s', (state, expected, stateSinceMs) => {
    const topology = state === 'JOINING' ? alone(state) : formed(state);
    const node = { ...nodeOf(topology, 'object-1'), intent: 'DRAIN' as const };
    const before = { ...topology, nodes: new Map([...topology.nodes, [node.id, node]]) };
    const { topology: after, update } = reduce(before, intend('SERVE'), 1n);
    expect(nodeOf(after, 'object-1')).toMatchObject({ state: expected, stateSinceMs, intent: 'SERVE' });
    expect(nodeOf(after, 'object-1').intentAudit).toEqual(audit);
    expect(update).toMatchObject({ reason: 'take the drain of object-1 back', audit });
  });

  it('forms the first ring when that node was all it waited for', () => {
    const objects = ['object-1', 'object-2', 'object-3'];
    const drained = applied(
      emptyCluster(),
      ...objects.map((id) => register({ id })),
      setState('object-1', 'ACTIVE'),
      intend('DRAIN'),
      setState('object-2', 'ACTIVE'),
      setState('object-3', 'ACTIVE'),
    );
    expect(drained.ring.epoch).toBe(0n);
    expect(reduce(drained, intend('SERVE'), 1n).update?.reason).toContain('ring 1 formed of 3 nodes');
  });
});

describe('a removal', () => {
  it.each<[NodeIntent, NodeState]>([
    ['REMOVE', 'JOINING'],
    ['REMOVE', 'DOWN'],
    ['REMOVE', 'DRAINING'],
    ['EVICT', 'JOINING'],
    ['EVICT', 'DOWN'],
    ['EVICT', 'DRAINING'],
  ])('(%s) forgets a node without data that is %s', (intent, state) => {
    const { topology, update } = reduce(alone(state), intend(intent), 1n);
    expect(topology.nodes.size).toBe(0);
    expect(update).toMatchObject({ nodesRemoved: ['object-1'], nodesChanged: [], audit });
  });

  it.each<[string, NodeIntent, Topology, ErrorCode, string]>([
    ['REMOVE of a node that is ACTIVE', 'REMOVE', alone('ACTIVE'), 'UNSAFE', 'stop it first'],
    ['REMOVE of a node that is SUSPECT', 'REMOVE', alone('SUSPECT'), 'UNSAFE', 'stop it first'],
    ['EVICT of a node that is ACTIVE', 'EVICT', alone('ACTIVE'), 'UNSAFE', 'stop it first'],
    ['REMOVE of a node with data that is DOWN', 'REMOVE', formed('DOWN'), 'UNSAFE', 'moving the data away first'],
    ['REMOVE of a node with data that drains', 'REMOVE', formed('DRAINING'), 'UNSAFE', 'moving the data away first'],
    ['EVICT of a node with data', 'EVICT', formed('DOWN'), 'UNIMPLEMENTED', 'moving the data away first'],
  ])('refuses %s', (_, intent, topology, code, hint) => {
    expect(() => reduce(topology, intend(intent), 1n)).toThrow(withCode(code));
    expect(() => reduce(topology, intend(intent), 1n)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) }),
    );
  });

  it('of a primary is refused as well', () => {
    const before = applied(formedCluster(), setState('metadata-1', 'SUSPECT'), setState('metadata-1', 'DOWN'));
    expect(() => reduce(before, intend('REMOVE', { nodeId: 'metadata-1' }), 1n)).toThrow(withCode('UNSAFE'));
  });
});

describe('an intent', () => {
  it('that holds already changes nothing, whatever version it was based on: a rerun is no error', () => {
    const topology = applied(formedCluster(), intend('DRAIN'));
    for (const expectedVersion of [undefined, 0n, topology.version]) {
      expect(reduce(topology, intend('DRAIN', { expectedVersion, atMs: 900 }), 1n)).toEqual({
        topology,
        update: undefined,
      });
    }
    expect(reduce(formedCluster(), intend('SERVE', { expectedVersion: 0n }), 1n).update).toBeUndefined();
  });

  it('to remove an unknown node is done already; any other is refused', () => {
    const topology = formedCluster();
    const gone = { nodeId: 'gone', expectedVersion: 0n };
    expect(reduce(topology, intend('REMOVE', gone), 1n)).toEqual({ topology, update: undefined });
    for (const intent of ['SERVE', 'DRAIN', 'EVICT'] as const) {
      expect(() => reduce(topology, intend(intent, gone), 1n)).toThrow(withCode('NODE_NOT_FOUND'));
    }
  });

  it('goes by the version that the decision was based on', () => {
    const topology = formedCluster();
    const expectedVersion = topology.version;
    expect(applied(topology, intend('DRAIN', { expectedVersion })).version).toBe(expectedVersion + 1n);
    for (const old of [expectedVersion - 1n, expectedVersion + 1n]) {
      expect(() => reduce(topology, intend('DRAIN', { expectedVersion: old }), 1n)).toThrow(
        expect.objectContaining({
          code: 'VERSION_CONFLICT',
          details: { what: 'topology version', expected: String(old), current: String(expectedVersion) },
        }),
      );
    }
    expect(() => reduce(alone('DOWN'), intend('REMOVE', { expectedVersion: 99n }), 1n)).toThrow(
      withCode('VERSION_CONFLICT'),
    );
  });
});

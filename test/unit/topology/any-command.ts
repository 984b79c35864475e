import fc from 'fast-check';
import type { Requester, TopologyCommand } from '../../../src/topology/commands.ts';
import { type NodeIntent, type NodeState, nodeRoles } from '../../../src/topology/topology.ts';
import { sampleRegistration } from './sample-cluster.ts';

export const sampleRequester: Requester = { actor: 'alice@example', reason: 'a test' };

const nodeIds = ['a', 'b', 'c', 'd', 'e'];
const states: readonly NodeState[] = ['JOINING', 'ACTIVE', 'SUSPECT', 'DRAINING', 'DOWN'];
const intents: readonly NodeIntent[] = ['SERVE', 'DRAIN', 'DRAIN', 'EVICT', 'REMOVE'];
const anyId = fc.constantFrom(...nodeIds);
/** Mostly that of the registered process, or nearly every command would be a zombie's. */
const anyGeneration = fc.constantFrom(1n, 1n, 1n, 1n, 1n, 2n, 0n);
const anyRoles = fc.oneof(fc.constant([...nodeRoles]), fc.subarray([...nodeRoles], { minLength: 1 }));
const anyRequester = fc.record({ actor: fc.constantFrom('alice', 'bob'), reason: fc.string({ maxLength: 5 }) });
/** The lowest epochs are what random histories reach. */
const anyEpoch = fc.constantFrom(0n, 1n, 1n, 2n, 3n);

const anyPartitionChange = fc
  .record({
    atMs: fc.nat(),
    id: fc.nat({ max: 2 }),
    epoch: anyEpoch,
    replicas: fc.shuffledSubarray(nodeIds, { minLength: 1, maxLength: 3 }),
    inSyncCount: fc.constantFrom(1, 1, 2, 3),
    generations: fc.array(fc.tuple(anyId, anyGeneration), { maxLength: 5 }),
    acceptDataLoss: fc.constantFrom(false, false, false, true),
    raiseEpoch: fc.constantFrom(false, false, false, true),
    by: anyRequester,
  })
  .map(({ atMs, id, epoch, replicas, inSyncCount, generations, acceptDataLoss, raiseEpoch, by }): TopologyCommand => {
    const inSync = replicas.slice(0, inSyncCount);
    const partition = { id, epoch, primaryId: inSync.at(-1) ?? '', inSync, replicas };
    return {
      kind: 'change-partition',
      atMs,
      partition,
      generations: new Map(generations),
      acceptDataLoss,
      raiseEpoch,
      by,
    };
  });

/** Commands of every kind over five nodes and two partitions; many are refused, and some change nothing. */
export const anyCommand: fc.Arbitrary<TopologyCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('register-node' as const),
      atMs: fc.nat(),
      afterCleanStop: fc.boolean(),
      node: fc
        .record({
          id: anyId,
          generationId: anyGeneration,
          roles: anyRoles,
          weight: fc.integer({ min: 1, max: 3 }),
          diskId: fc.constantFrom('disk', 'disk', 'disk', 'other'),
          labels: fc.dictionary(fc.constantFrom('zone', 'rack'), fc.constantFrom('x', 'y')),
        })
        .map(sampleRegistration),
    }),
  },
  fc.record({
    kind: fc.constant('deregister-node' as const),
    atMs: fc.nat(),
    nodeId: anyId,
    generationId: anyGeneration,
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('set-node-state' as const),
      atMs: fc.nat(),
      nodeId: anyId,
      generationId: anyGeneration,
      state: fc.constantFrom<NodeState>('ACTIVE', 'ACTIVE', 'ACTIVE', ...states),
      reason: fc.constant('because'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('set-node-intent' as const),
      atMs: fc.nat(),
      nodeId: anyId,
      intent: fc.constantFrom(...intents),
      expectedVersion: fc.option(fc.bigInt({ min: 0n, max: 20n }), { nil: undefined, freq: 4 }),
      by: anyRequester,
    }),
  },
  fc.record({
    kind: fc.constant('set-ring-config' as const),
    atMs: fc.nat(),
    expectedEpoch: fc.constantFrom(0n, 0n, 0n, 1n),
    replicationFactor: fc.option(fc.integer({ min: 0, max: 17 }), { nil: undefined }),
    writeQuorum: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    weights: fc.array(fc.tuple(anyId, fc.integer({ min: 0, max: 3 })), { maxLength: 2 }).map((list) => new Map(list)),
    by: anyRequester,
  }),
  { weight: 2, arbitrary: anyPartitionChange },
);

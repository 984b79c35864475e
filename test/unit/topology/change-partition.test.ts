import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { hasCode } from '../../../src/base/errors.ts';
import type { ChangePartition } from '../../../src/topology/commands.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Partition, Topology } from '../../../src/topology/topology.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, formedCluster, register, setState } from './sample-cluster.ts';

const withCode = (code: ErrorCode) => expect.toSatisfy((error) => hasCode(error, code));

function change(
  partition: Partition,
  generations: Record<string, bigint> = {},
  force: { readonly acceptDataLoss?: boolean; readonly raiseEpoch?: boolean } = {},
): ChangePartition {
  const usual = { acceptDataLoss: false, raiseEpoch: false, by: sampleRequester };
  return {
    kind: 'change-partition',
    atMs: 500,
    partition,
    generations: new Map(Object.entries(generations)),
    ...usual,
    ...force,
  };
}

const current: Partition = {
  id: 3,
  epoch: 4n,
  primaryId: 'metadata-1',
  inSync: ['metadata-1', 'metadata-2'],
  replicas: ['metadata-1', 'metadata-2', 'metadata-3'],
};

/** Partition 3 with primary metadata-1, in sync with metadata-2, and metadata-3 and -4 as they catch up. */
function sampleTopology(partition: Partition = current): Topology {
  const late = ['metadata-3', 'metadata-4'].flatMap((id) => [
    register({ id, roles: ['metadata'], generationId: 7n }),
    setState(id, 'ACTIVE', 7n),
  ]);
  const topology = applied(formedCluster(), ...late, register({ id: 'metadata-5', roles: ['metadata'] }));
  const partitions = topology.partitions.map((known) => (known.id === partition.id ? partition : known));
  return { ...topology, partitions };
}

/** Partition 3 after the change. */
function changed(partition: Partition, generations: Record<string, bigint> = {}, topology = sampleTopology()) {
  return reduce(topology, change(partition, generations), 1n).topology.partitions[partition.id];
}

describe('a change of a partition', () => {
  it('that removes a replica is really there afterwards (H2)', () => {
    const before = { ...current, inSync: [...current.replicas] };
    const partition = { ...current, inSync: ['metadata-1', 'metadata-3'], replicas: ['metadata-1', 'metadata-3'] };
    const { topology, update } = reduce(sampleTopology(before), change(partition), 1n);
    expect(topology.partitions[3]).toEqual({ ...partition, epoch: 5n });
    expect(update).toMatchObject({
      partitionsChanged: [{ ...partition, epoch: 5n }],
      reason: 'partition 3 epoch 5: primary metadata-1, in sync metadata-1 metadata-3, replicas metadata-1 metadata-3',
      audit: { ...sampleRequester, atMs: 500 },
    });
    expect(topology.partitions.filter(({ id }) => id !== 3)).toEqual(
      sampleTopology().partitions.filter(({ id }) => id !== 3),
    );
  });

  it.each<[string, Partial<Partition>, Record<string, bigint>]>([
    ['a failover to a node in sync', { primaryId: 'metadata-2' }, {}],
    ['a replica that has caught up', { inSync: [...current.inSync, 'metadata-3'] }, { 'metadata-3': 7n }],
    [
      'a replica that lags and is swapped for one that has caught up',
      { inSync: ['metadata-1', 'metadata-3'] },
      { 'metadata-3': 7n },
    ],
    ['a new replica that begins to catch up', { replicas: [...current.replicas, 'metadata-4'] }, {}],
  ])('takes %s', (_, changes, generations) => {
    expect(changed({ ...current, ...changes }, generations)).toEqual({ ...current, ...changes, epoch: 5n });
  });

  it('to what it is already changes nothing, in whatever order the sets are written', () => {
    const topology = sampleTopology();
    for (const partition of [current, { ...current, inSync: current.inSync.toReversed() }]) {
      expect(reduce(topology, change(partition), 1n)).toEqual({ topology, update: undefined });
    }
  });

  it.each([3n, 5n, 0n])('decided at another epoch (%s) is refused: compare and swap', (epoch) => {
    expect(() => changed({ ...current, epoch, inSync: ['metadata-1'] })).toThrow(
      expect.objectContaining({
        code: 'VERSION_CONFLICT',
        details: { what: 'epoch of partition 3', expected: String(epoch), current: '4' },
      }),
    );
  });

  it.each<[string, Partial<Partition>, ErrorCode]>([
    ['of a partition that is not there', { id: 8 }, 'NOT_FOUND'],
    ['of partition -1', { id: -1 }, 'NOT_FOUND'],
    ['with a primary out of sync', { inSync: ['metadata-2'] }, 'INVALID_ARGUMENT'],
    ['without a primary', { primaryId: '' }, 'INVALID_ARGUMENT'],
    ['without anybody', { primaryId: '', inSync: [], replicas: [] }, 'INVALID_ARGUMENT'],
    ['with a node in sync that is no replica', { replicas: ['metadata-1', 'metadata-3'] }, 'INVALID_ARGUMENT'],
    ['with a replica twice', { replicas: [...current.replicas, 'metadata-3'] }, 'INVALID_ARGUMENT'],
    ['with a node in sync twice', { inSync: [...current.inSync, 'metadata-1'] }, 'INVALID_ARGUMENT'],
    ['with an unknown replica', { replicas: [...current.replicas, 'nobody'] }, 'NODE_NOT_FOUND'],
    ['with an object node', { replicas: [...current.replicas, 'object-1'] }, 'INVALID_ARGUMENT'],
    ['with a node that never was ready', { replicas: [...current.replicas, 'metadata-5'] }, 'UNSAFE'],
  ])('%s is refused', (_, changes, code) => {
    expect(() => changed({ ...current, ...changes })).toThrow(withCode(code));
  });
});

describe('the floor of an in-sync set', () => {
  const three = { ...current, inSync: [...current.replicas] };
  const alone = { ...current, inSync: ['metadata-1'] };
  const attempt = (from: Partition, to: Partition, topology = sampleTopology(from)) =>
    changed({ ...to, epoch: from.epoch }, {}, topology);

  it('is two members: the last of them that are left are held on to, however dead they are', () => {
    expect(attempt(three, current)?.inSync).toEqual(current.inSync);
    expect(() => attempt(current, alone)).toThrow(
      expect.objectContaining({ code: 'UNSAFE', message: expect.stringContaining('has to keep 2') }),
    );
    expect(() => attempt(three, alone)).toThrow(withCode('UNSAFE'));
  });

  it('keeps nobody from being alone that has never had company', () => {
    const grown = { ...alone, replicas: [...alone.replicas, 'metadata-4'] };
    expect(attempt(alone, grown)).toEqual({ ...grown, epoch: 5n });
  });

  it('is one where the cluster places one replica, and where all other nodes are drained', () => {
    const single = sampleTopology();
    const settings = { ...single.settings, metadataReplicas: 1 };
    expect(attempt(current, alone, { ...single, settings })?.inSync).toEqual(['metadata-1']);
    const drain = (nodeId: string) =>
      ({
        kind: 'set-node-intent',
        atMs: 0,
        nodeId,
        intent: 'DRAIN',
        expectedVersion: undefined,
        by: sampleRequester,
      }) as const;
    const two = applied(sampleTopology(), drain('metadata-3'), drain('metadata-4'));
    expect(() => attempt(current, alone, two)).toThrow(withCode('UNSAFE'));
    expect(attempt(current, alone, applied(two, drain('metadata-2')))?.inSync).toEqual(['metadata-1']);
  });

  it('is not lowered by nodes that are DOWN', () => {
    const down = ['metadata-2', 'metadata-3', 'metadata-4'].flatMap((id) => {
      const generationId = id === 'metadata-2' ? 1n : 7n;
      return [setState(id, 'SUSPECT', generationId), setState(id, 'DOWN', generationId)];
    });
    expect(() => attempt(current, alone, applied(sampleTopology(), ...down))).toThrow(withCode('UNSAFE'));
  });
});

describe('an operator who accepts the loss of data', () => {
  const force = { acceptDataLoss: true };

  it.each<[string, Partial<Partition>, Record<string, bigint>]>([
    ['a node outside the in-sync set', { primaryId: 'metadata-3', inSync: ['metadata-3'] }, { 'metadata-3': 7n }],
    ['one member of two', { inSync: ['metadata-1'] }, {}],
  ])('may leave a partition to %s', (_, changes, generations) => {
    const wanted = { ...current, ...changes };
    expect(() => changed(wanted, generations)).toThrow(withCode('UNSAFE'));
    const { topology } = reduce(sampleTopology(), change(wanted, generations, force), 1n);
    expect(topology.partitions[3]).toEqual({ ...wanted, epoch: 5n });
  });

  it('still names the very process, which is alive', () => {
    const wanted = { ...current, primaryId: 'metadata-3', inSync: ['metadata-3'] };
    const attempt = (generations: Record<string, bigint>, topology = sampleTopology()) =>
      reduce(topology, change(wanted, generations, force), 1n);
    expect(() => attempt({})).toThrow(withCode('INVALID_ARGUMENT'));
    expect(() => attempt({ 'metadata-3': 6n })).toThrow(withCode('ZOMBIE_NODE'));
    const down = [setState('metadata-3', 'SUSPECT', 7n), setState('metadata-3', 'DOWN', 7n)];
    expect(() => attempt({ 'metadata-3': 7n }, applied(sampleTopology(), ...down))).toThrow(withCode('UNSAFE'));
  });
});

describe('a primary whose request was never answered', () => {
  it('raises the epoch although the sets stay, and the lost request is refused when it comes', () => {
    const topology = applied(sampleTopology(), change(current, {}, { raiseEpoch: true }));
    expect(topology.partitions[3]).toEqual({ ...current, epoch: 5n });
    const lost = { ...current, inSync: [...current.replicas] };
    expect(() => changed(lost, { 'metadata-3': 7n }, topology)).toThrow(withCode('VERSION_CONFLICT'));
    // So is the same wish once more, decided at the epoch before.
    expect(() => applied(topology, change(current, {}, { raiseEpoch: true }))).toThrow(withCode('VERSION_CONFLICT'));
  });
});

describe('the scenarios of invariants.md', () => {
  it('a stale ex-primary promotes itself: whoever left the in-sync set cannot be primary (Elasticsearch 14671)', () => {
    const without = { ...current, inSync: ['metadata-1'] };
    const topology = sampleTopology(without);
    const own = { ...current, primaryId: 'metadata-2', inSync: ['metadata-1', 'metadata-2'] };
    expect(() => changed(own, { 'metadata-2': 1n }, topology)).toThrow(withCode('UNSAFE'));
    // Nor with the epoch that it remembers.
    expect(() => changed({ ...own, epoch: 3n }, { 'metadata-2': 1n }, topology)).toThrow(withCode('VERSION_CONFLICT'));
  });

  it('a committed in-sync set is lost: one member of it always stays (Elasticsearch 20031)', () => {
    const others = { ...current, primaryId: 'metadata-3', inSync: ['metadata-3'] };
    expect(() => changed(others, { 'metadata-3': 7n })).toThrow(
      expect.objectContaining({ code: 'UNSAFE', message: expect.stringContaining('would keep no member') }),
    );
  });

  it('a delayed “add to the in-sync set” lands after the replica came back with an empty disk (KIP-903)', () => {
    const topology = applied(
      sampleTopology(),
      register({ id: 'metadata-3', roles: ['metadata'], generationId: 8n }),
      setState('metadata-3', 'ACTIVE', 8n),
    );
    const joined = { ...current, inSync: [...current.inSync, 'metadata-3'] };
    expect(() => changed(joined, { 'metadata-3': 7n }, topology)).toThrow(
      expect.objectContaining({
        code: 'ZOMBIE_NODE',
        details: { nodeId: 'metadata-3', expectedGeneration: 8n, givenGeneration: 7n },
      }),
    );
    expect(changed(joined, { 'metadata-3': 8n }, topology)?.inSync).toContain('metadata-3');
  });

  it('the caught-up check and the incarnation check look at two moments: none goes without (KAFKA-15221)', () => {
    const joined = { ...current, inSync: [...current.inSync, 'metadata-3'] };
    expect(() => changed(joined)).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT') && error.details.field === 'generations'),
    );
  });

  it('a member that has restarted since is no member for a decision that named the process before (KIP-903)', () => {
    const topology = applied(sampleTopology(), register({ id: 'metadata-2', roles: ['metadata'], generationId: 2n }));
    const grown = { ...current, replicas: [...current.replicas, 'metadata-4'] };
    expect(() => changed(grown, { 'metadata-2': 1n }, topology)).toThrow(withCode('ZOMBIE_NODE'));
    expect(changed(grown, {}, topology)?.epoch).toBe(5n);
  });

  it('a dead node counted as in sync would block every commit', () => {
    const topology = applied(
      sampleTopology(),
      setState('metadata-3', 'SUSPECT', 7n),
      setState('metadata-3', 'DOWN', 7n),
    );
    const joined = { ...current, inSync: [...current.inSync, 'metadata-3'] };
    expect(() => changed(joined, { 'metadata-3': 7n }, topology)).toThrow(withCode('UNSAFE'));
  });

  it('two changes decided at the same epoch: the second is refused (Kafka AlterISR)', () => {
    const grown = { ...current, inSync: [...current.replicas] };
    const first = applied(sampleTopology(), change(grown, { 'metadata-3': 7n }));
    const failover = { ...current, primaryId: 'metadata-2' };
    expect(() => changed(failover, {}, first)).toThrow(withCode('VERSION_CONFLICT'));
  });
});

describe('a partition that was never assigned', () => {
  const joined = ['m-1', 'm-2'].flatMap((id) => [register({ id, roles: ['metadata'] }), setState(id, 'ACTIVE')]);
  const unassigned = applied(emptyCluster({ bootstrapExpectMetadata: 3 }), ...joined);
  const wanted = { id: 2, epoch: 0n, primaryId: 'm-2', inSync: ['m-1', 'm-2'], replicas: ['m-1', 'm-2'] };

  it('goes to any registered metadata nodes, for it holds nothing yet', () => {
    expect(changed(wanted, {}, unassigned)).toEqual({ ...wanted, epoch: 1n });
  });

  it.each<[string, Partial<Partition>, ErrorCode]>([
    ['to an unknown node', { replicas: ['m-1', 'm-2', 'nobody'] }, 'NODE_NOT_FOUND'],
    ['to nobody', { primaryId: '', inSync: [], replicas: [] }, 'INVALID_ARGUMENT'],
    ['at another epoch', { epoch: 1n }, 'VERSION_CONFLICT'],
  ])('does not go %s', (_, changes, code) => {
    expect(() => changed({ ...wanted, ...changes }, {}, unassigned)).toThrow(withCode(code));
  });
});

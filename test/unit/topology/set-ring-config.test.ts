import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import type { SetRingConfig } from '../../../src/topology/commands.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { sampleRequester } from './any-command.ts';
import { applied, emptyCluster, formedCluster, nodeOf, register, setState } from './sample-cluster.ts';

function configure(changes: Partial<Omit<SetRingConfig, 'weights'>>, weights: Record<string, number> = {}) {
  const nothing = { expectedEpoch: 0n, replicationFactor: undefined, writeQuorum: undefined };
  const command = { kind: 'set-ring-config', atMs: 500, by: sampleRequester } as const;
  return { ...command, ...nothing, weights: new Map(Object.entries(weights)), ...changes } satisfies SetRingConfig;
}

/** A cluster of one node that waits for two more. */
const forming = () => applied(emptyCluster(), register(), setState('object-1', 'ACTIVE'));

describe('the ring’s settings before the first ring', () => {
  it('are those of the ring that will be formed', () => {
    const { topology, update } = reduce(forming(), configure({ replicationFactor: 5, writeQuorum: 3 }), 1n);
    expect(topology.settings).toMatchObject({ replicationFactor: 5, writeQuorum: 3 });
    expect(topology.ring).toMatchObject({ epoch: 0n, replicationFactor: 5, writeQuorum: 3 });
    expect(update).toMatchObject({
      reason: 'ring settings: 5 copies, write quorum 3',
      audit: { ...sampleRequester, atMs: 500 },
    });
    const formed = applied(
      topology,
      ...['object-2', 'object-3'].flatMap((id) => [register({ id }), setState(id, 'ACTIVE')]),
    );
    expect(formed.ring).toMatchObject({ epoch: 1n, replicationFactor: 5, writeQuorum: 3 });
  });

  it('take one part and leave the others', () => {
    expect(applied(forming(), configure({ writeQuorum: 1 })).settings).toMatchObject({
      replicationFactor: 3,
      writeQuorum: 1,
    });
    const weighed = applied(forming(), configure({}, { 'object-1': 10_000 }));
    expect(nodeOf(weighed, 'object-1').weight).toBe(10_000);
  });

  it.each<[string, SetRingConfig]>([
    ['nothing', configure({})],
    ['the same copies and quorum', configure({ replicationFactor: 3, writeQuorum: 2 })],
    ['the same weight', configure({}, { 'object-1': 100 })],
  ])('do not change for %s', (_, command) => {
    const topology = forming();
    expect(reduce(topology, command, 1n)).toEqual({ topology, update: undefined });
  });

  it.each<[string, SetRingConfig, string]>([
    ['no copy', configure({ replicationFactor: 0 }), 'replication_factor'],
    ['17 copies', configure({ replicationFactor: 17 }), 'replication_factor'],
    ['half a copy', configure({ replicationFactor: 2.5 }), 'replication_factor'],
    ['no quorum', configure({ writeQuorum: 0 }), 'write_quorum'],
    ['a quorum above the copies', configure({ writeQuorum: 4 }), 'write_quorum'],
    ['fewer copies than the quorum that stays', configure({ replicationFactor: 1 }), 'replication_factor'],
    [
      'a quorum above what the first ring has nodes',
      configure({ replicationFactor: 5, writeQuorum: 4 }),
      'write_quorum',
    ],
    ['weight 0', configure({}, { 'object-1': 0 }), 'weights.object-1'],
    ['weight 10001', configure({}, { 'object-1': 10_001 }), 'weights.object-1'],
  ])('refuse %s and name the field', (_, command, field) => {
    expect(() => reduce(forming(), command, 1n)).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT') && error.details.field === field),
    );
  });

  it('know no weight of an unknown node', () => {
    expect(() => reduce(forming(), configure({}, { 'object-1': 50, nobody: 50 }), 1n)).toThrow(
      expect.objectContaining({ code: 'NODE_NOT_FOUND', details: { kind: 'node', id: 'nobody' } }),
    );
  });
});

describe('the ring’s settings', () => {
  it.each<[string, SetRingConfig]>([
    ['other copies', configure({ expectedEpoch: 1n, replicationFactor: 4 })],
    ['another quorum', configure({ expectedEpoch: 1n, writeQuorum: 3 })],
    ['another weight', configure({ expectedEpoch: 1n }, { 'object-1': 200 })],
  ])('wait for ring changes when there is a ring: %s', (_, command) => {
    expect(() => reduce(formedCluster(), command, 1n)).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'UNIMPLEMENTED')),
    );
  });

  it('that a ring has already are no change of it', () => {
    const topology = formedCluster();
    const same = configure({ expectedEpoch: 1n, replicationFactor: 3, writeQuorum: 2 }, { 'object-2': 100 });
    expect(reduce(topology, same, 1n)).toEqual({ topology, update: undefined });
  });

  it('go by the weight of the ring, whatever a member has registered with since', () => {
    const topology = applied(formedCluster(), register({ generationId: 2n, weight: 300 }));
    expect(reduce(topology, configure({ expectedEpoch: 1n }, { 'object-1': 100 }), 1n).update).toBeUndefined();
    expect(() => reduce(topology, configure({ expectedEpoch: 1n }, { 'object-1': 300 }), 1n)).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'UNIMPLEMENTED')),
    );
  });

  it('go by the epoch that the decision was based on', () => {
    expect(() => reduce(formedCluster(), configure({ writeQuorum: 2 }), 1n)).toThrow(
      expect.objectContaining({
        code: 'VERSION_CONFLICT',
        details: { what: 'ring epoch', expected: '0', current: '1' },
      }),
    );
  });
});

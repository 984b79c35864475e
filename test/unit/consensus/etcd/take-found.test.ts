import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/base/errors.ts';
import type { StoredKey } from '../../../../src/consensus/etcd/coordination-store.ts';
import {
  encodeHead,
  encodeSnapshot,
  encodeUpdateRecord,
  etcdKeys,
  updateKey,
} from '../../../../src/consensus/etcd/etcd-records.ts';
import { takeFound } from '../../../../src/consensus/etcd/take-found.ts';
import { TopologyCopy } from '../../../../src/consensus/topology-copy.ts';
import { reduce } from '../../../../src/topology/reduce.ts';
import type { Topology, TopologyUpdate } from '../../../../src/topology/topology.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { emptyCluster, register } from '../../topology/sample-cluster.ts';

/** Ten versions: the topology at each, and the update that led to it. */
const versions: { topology: Topology; update: TopologyUpdate | undefined }[] = [
  { topology: emptyCluster(), update: undefined },
];
for (let number = 1; number <= 10; number += 1) {
  const before = versions[number - 1]?.topology ?? emptyCluster();
  versions.push(reduce(before, register({ id: `node-${number}`, roles: ['frontend'] }), 1n));
}

function stored(key: string, value: Uint8Array): StoredKey {
  return { key, value, createRevision: 1n, modRevision: 1n };
}

function found(parts: { head?: number; snapshot?: number; updates?: readonly number[] }) {
  const keys: StoredKey[] = [];
  if (parts.head !== undefined) keys.push(stored(etcdKeys.head, encodeHead(BigInt(parts.head))));
  for (const number of parts.updates ?? []) {
    const update = versions[number]?.update;
    if (update !== undefined) keys.push(stored(updateKey(BigInt(number)), encodeUpdateRecord(update)));
  }
  const snapshot = parts.snapshot === undefined ? undefined : versions[parts.snapshot]?.topology;
  if (snapshot !== undefined) keys.push(stored(etcdKeys.snapshot, encodeSnapshot(snapshot)));
  return { revision: 5n, keys };
}

function copyAt(version: number | undefined) {
  const copy = new TopologyCopy({ updatesMax: 100 }, { log: recordingLog() });
  const topology = version === undefined ? undefined : versions[version]?.topology;
  if (topology !== undefined) copy.begin(topology);
  const told: (bigint | undefined)[] = [];
  copy.subscribe((update) => told.push(update?.version));
  return { copy, told };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('takeFound', () => {
  it.each([
    ['no cluster', undefined, {}, false, undefined, []],
    ['a new cluster', undefined, { head: 0, snapshot: 0 }, true, 0n, []],
    ['a snapshot and updates around it', undefined, { head: 10, snapshot: 6, updates: range(3, 10) }, true, 10n, []],
    ['nothing new', 10, { head: 10 }, true, 10n, []],
    ['the next updates', 7, { head: 10, updates: range(8, 10) }, true, 10n, [8n, 9n, 10n]],
    ['updates that are known in part', 7, { head: 9, updates: range(6, 9) }, true, 9n, [8n, 9n]],
    ['updates that no longer reach back', 3, { head: 10, updates: range(6, 10) }, false, 3n, []],
    ['a snapshot after a long absence', 3, { head: 10, snapshot: 8, updates: range(6, 10) }, true, 10n, [undefined]],
    ['a snapshot that is not newer', 10, { head: 10, snapshot: 8, updates: range(6, 10) }, true, 10n, []],
  ])('takes %s', (_name, start, parts, taken, version, told) => {
    const sample = copyAt(start);
    expect(takeFound(sample.copy, found(parts), sample.copy.version)).toBe(taken);
    expect(sample.copy.version).toBe(version);
    expect(sample.told).toEqual(told);
    if (version !== undefined) expect(sample.copy.committed?.topology).toEqual(versions[Number(version)]?.topology);
  });

  it('passes over a read that was sent before the copy moved on', () => {
    const { copy, told } = copyAt(9);
    expect(takeFound(copy, found({ head: 8, updates: [8] }), 7n)).toBe(true);
    expect(copy.version).toBe(9n);
    expect(told).toEqual([]);
  });

  it.each([
    ['updates that end before head', 7, { head: 10, updates: [8] }],
    ['a snapshot without the updates after it', undefined, { head: 10, snapshot: 6, updates: [] }],
    ['a store that has gone back, as after a restore', 9, { head: 4, updates: [] }],
    ['a store that has lost its version', 9, {}],
    ['a snapshot without a version', undefined, { snapshot: 3 }],
  ])('refuses %s', (_name, start, parts) => {
    const { copy } = copyAt(start);
    expect(() => takeFound(copy, found(parts), copy.version)).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT')),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { applyUpdate } from '../../../src/topology/apply-update.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { applied, emptyCluster, register } from './sample-cluster.ts';

describe('applyUpdate', () => {
  it('leads a watcher to the topology of the leader', () => {
    const before = emptyCluster();
    const { topology, update } = reduce(before, register(), 3n);
    expect(update && applyUpdate(before, update)).toEqual(topology);
  });

  it('keeps nodes in the order of their ids, whatever the order of registrations', () => {
    const topology = applied(emptyCluster(), register({ id: 'b' }), register({ id: 'a' }), register({ id: 'c' }));
    expect([...topology.nodes.keys()]).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['skips a version', { previousVersion: 1n, version: 2n }],
    ['comes a second time', { previousVersion: -1n, version: 0n }],
    ['jumps', { previousVersion: 0n, version: 2n }],
  ])('refuses an update that %s', (_, versions) => {
    const before = emptyCluster();
    const { update } = reduce(before, register(), 1n);
    if (update === undefined) throw new Error('no update');
    const apply = () => applyUpdate(before, { ...update, ...versions });
    expect(apply).toThrow(expect.toSatisfy((error) => hasCode(error, 'VERSION_CONFLICT')));
  });
});

import { describe, expect, it } from 'vitest';
import { TopologyLog } from '../../../src/consensus/topology-log.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Topology, TopologyUpdate } from '../../../src/topology/topology.ts';
import { recordingLog } from '../base/recording-log.ts';
import { emptyCluster, register } from '../topology/sample-cluster.ts';

function steps(count: number): { readonly update: TopologyUpdate; readonly topology: Topology }[] {
  const made: { update: TopologyUpdate; topology: Topology }[] = [];
  for (let index = 0; index < count; index += 1) {
    const { topology, update } = reduce(made.at(-1)?.topology ?? emptyCluster(), register({ id: `n${index}` }), 1n);
    if (update !== undefined) made.push({ update, topology });
  }
  return made;
}

describe('TopologyLog', () => {
  it('keeps the latest updates and forgets the others', () => {
    const log = new TopologyLog({ topology: emptyCluster(), updates: [], updatesMax: 2 }, { log: recordingLog() });
    for (const { update, topology } of steps(3)) log.commit(update, topology);
    expect(log.topology.version).toBe(3n);
    expect(log.since(1n)?.map(({ version }) => version)).toEqual([2n, 3n]);
    expect(log.since(0n)).toBeUndefined();
    expect(log.since(3n)).toEqual([]);
  });

  it('starts with no more of a longer history than it keeps', () => {
    const all = steps(5);
    const topology = all.at(-1)?.topology ?? emptyCluster();
    const updates = all.map(({ update }) => update);
    const log = new TopologyLog({ topology, updates, updatesMax: 2 }, { log: recordingLog() });
    expect(log.since(3n)).toHaveLength(2);
    expect(log.since(2n)).toBeUndefined();
  });

  it('lets a listener end its subscription while it is told', () => {
    const log = new TopologyLog({ topology: emptyCluster(), updates: [], updatesMax: 9 }, { log: recordingLog() });
    const seen: string[] = [];
    const end = log.subscribe(() => {
      seen.push('once');
      end();
    });
    log.subscribe(() => seen.push('always'));
    for (const { update, topology } of steps(2)) log.commit(update, topology);
    expect(seen).toEqual(['once', 'always', 'always']);
  });

  it('logs a listener that throws', () => {
    const recorded = recordingLog();
    const log = new TopologyLog({ topology: emptyCluster(), updates: [], updatesMax: 9 }, { log: recorded });
    log.subscribe(() => {
      throw new Error('trouble');
    });
    for (const { update, topology } of steps(1)) log.commit(update, topology);
    expect(recorded.lines).toMatchObject([{ level: 'error', fields: { version: 1n, error: 'trouble' } }]);
  });
});

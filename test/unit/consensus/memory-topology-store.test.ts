import { describe, expect, it } from 'vitest';
import { MemoryTopologyStore } from '../../../src/consensus/memory-topology-store.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { emptyCluster, register } from '../topology/sample-cluster.ts';

describe('MemoryTopologyStore', () => {
  it('is new until term and topology are written, and keeps them over a close', async () => {
    const store = new MemoryTopologyStore();
    expect(await store.load()).toBeUndefined();
    await store.write({ term: 1n, topology: emptyCluster() });
    await store.close();
    expect(await store.load()).toEqual({ term: 1n, topology: emptyCluster(), updates: [] });
  });

  it('drops updates up to a version', async () => {
    const store = new MemoryTopologyStore();
    const { topology, update } = reduce(emptyCluster(), register(), 1n);
    await store.write({ term: 1n, topology, ...(update === undefined ? {} : { update }) });
    expect((await store.load())?.updates).toHaveLength(1);
    await store.write({ forgetUpTo: 1n });
    expect((await store.load())?.updates).toEqual([]);
  });
});

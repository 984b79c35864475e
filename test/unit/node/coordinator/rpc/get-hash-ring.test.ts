import { describe, expect, it } from 'vitest';
import { getHashRing } from '../../../../../src/node/coordinator/rpc/get-hash-ring.ts';
import { HashRing } from '../../../../../src/topology/hash-ring.ts';
import { formedCluster, register } from '../../../topology/sample-cluster.ts';
import { call, sampleCoordinator } from '../sample-coordinator.ts';

describe('GetHashRing', () => {
  it('answers no entries and epoch 0 before a ring is formed', async () => {
    const { modules } = await sampleCoordinator();
    expect(await getHashRing(modules)({}, call)).toEqual({
      entries: [],
      replicationFactor: 3,
      ringEpoch: 0n,
      version: 0n,
    });
  });

  it('answers every virtual node by position', async () => {
    const topology = formedCluster();
    const { modules } = await sampleCoordinator([], { topology });
    const { entries, ringEpoch, version } = await getHashRing(modules)({}, call);
    expect({ ringEpoch, version }).toEqual({ ringEpoch: 1n, version: topology.version });
    expect(entries).toEqual([...new HashRing(topology.ring).entries()]);
    expect(entries).toHaveLength(24);
    const positions = entries.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('lists the entries once for each ring, however often it is asked', async () => {
    const { modules } = await sampleCoordinator([], { topology: formedCluster() });
    const first = await getHashRing(modules)({}, call);
    await modules.consensus.propose(register({ id: 'frontend-1', roles: ['frontend'] }));
    const second = await getHashRing(modules)({}, call);
    expect(second.version).toBe(first.version + 1n);
    expect(second.entries).toBe(first.entries);
  });
});

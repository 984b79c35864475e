import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../../src/base/errors.ts';
import { getTopology } from '../../../../../src/node/coordinator/rpc/get-topology.ts';
import { decodeTopology } from '../../../../../src/rpc/topology-codec.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

describe('GetTopology', () => {
  it('answers the topology, and its version', async () => {
    const { modules } = await sampleCoordinator([register()]);
    const { topology, version } = await getTopology(modules)({ minVersion: 0n, linearizable: false }, call);
    expect(version).toBe(1n);
    expect(topology && decodeTopology(topology)).toEqual(modules.consensus.current());
  });

  it.each([1n, 2n])('answers none to a caller that has version %s of 1', async (minVersion) => {
    const { modules } = await sampleCoordinator([register()]);
    const answer = await getTopology(modules)({ minVersion, linearizable: false }, call);
    expect(answer).toEqual({ topology: undefined, version: 1n });
  });

  it('is linearizable at the leader alone', async () => {
    const { modules } = await sampleCoordinator([register()]);
    const request = { minVersion: 0n, linearizable: true };
    expect((await getTopology(modules)(request, call)).version).toBe(1n);
    const consensus = follower(modules.consensus, otherLeader);
    await expect(getTopology({ consensus })(request, call)).rejects.toSatisfy((error) => hasCode(error, 'NOT_LEADER'));
    expect((await getTopology({ consensus })({ ...request, linearizable: false }, call)).version).toBe(1n);
  });
});

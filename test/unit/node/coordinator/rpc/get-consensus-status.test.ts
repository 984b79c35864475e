import { describe, expect, it } from 'vitest';
import { getConsensusStatus } from '../../../../../src/node/coordinator/rpc/get-consensus-status.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, sampleCoordinator } from '../sample-coordinator.ts';

describe('GetConsensusStatus', () => {
  it('answers driver, member and indexes of the embedded driver', async () => {
    const { modules } = await sampleCoordinator([register()]);
    expect(await getConsensusStatus(modules)({}, call)).toEqual({
      driver: 'embedded',
      members: [{ id: 'coordinator-1', address: '', reachable: true, leader: true, error: '' }],
      raftTerm: 1n,
      appliedIndex: 1n,
      committedIndex: 1n,
      hasQuorum: true,
    });
  });

  it('answers that no quorum holds once the driver has stopped', async () => {
    const { modules } = await sampleCoordinator();
    await modules.consensus.stop();
    expect(await getConsensusStatus(modules)({}, call)).toMatchObject({
      hasQuorum: false,
      members: [{ leader: false }],
    });
  });
});

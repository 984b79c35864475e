import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { getConsensusStatus } from '../../../../../src/node/coordinator/rpc/get-consensus-status.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, sampleCoordinator } from '../sample-coordinator.ts';

describe('GetConsensusStatus', () => {
  it('answers driver, member and indexes of the embedded driver', async () => {
    const { modules } = await sampleCoordinator([register()]);
    expect(await getConsensusStatus(modules)({}, call)).toEqual({
      driver: 'embedded',
      members: [{ id: 'coordinator-1', engineId: '', address: '', reachable: true, leader: true, error: '' }],
      raftTerm: 1n,
      appliedIndex: 1n,
      committedIndex: 1n,
      hasQuorum: true,
      alarms: [],
      nodeId: 'coordinator-1',
      isLeader: true,
      term: 1n,
      version: 1n,
      ageMs: 0n,
    });
  });

  it('answers of a coordinator that cannot reach its store and has no topology yet', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = delegatingConsensus(follower(modules.consensus, undefined), {
      current: () => {
        throw new StratumError('NOT_READY', 'not yet', { what: 'the store' });
      },
      ageMs: () => 1_234.5,
    });
    expect(await getConsensusStatus({ ...modules, consensus })({}, call)).toMatchObject({
      isLeader: false,
      version: 0n,
      ageMs: 1_234n,
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

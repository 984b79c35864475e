import { describe, expect, it } from 'vitest';
import { getLeader } from '../../../../../src/node/coordinator/rpc/get-leader.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

describe('GetLeader', () => {
  it('answers that the asked one leads', async () => {
    const { modules } = await sampleCoordinator([register()]);
    expect(await getLeader(modules)({}, call)).toEqual({
      leaderId: 'coordinator-1',
      leaderAddress: '127.0.0.1:7480',
      term: 1n,
      isLeader: true,
      nodeId: 'coordinator-1',
      version: 1n,
    });
  });

  it.each([
    ['names another leader', otherLeader, { leaderId: 'coordinator-2', leaderAddress: '127.0.0.1:7481' }],
    ['leaves the leader empty when there is none', undefined, { leaderId: '', leaderAddress: '' }],
  ])('%s', async (_, leader, expected) => {
    const { modules } = await sampleCoordinator();
    const answer = await getLeader({ ...modules, consensus: follower(modules.consensus, leader) })({}, call);
    expect(answer).toMatchObject({ ...expected, isLeader: false, nodeId: 'coordinator-1' });
  });
});

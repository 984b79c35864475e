import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { removeConsensusMember } from '../../../../../src/node/coordinator/rpc/remove-consensus-member.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { audit, badNodeIds, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

const request = { nodeId: 'coordinator-2', audit };

/** A leader whose engine knows coordinator-2, whose loss coordinator-3 would not survive. */
async function sample() {
  const { modules } = await sampleCoordinator();
  const removed: string[] = [];
  const consensus = delegatingConsensus(modules.consensus, {
    removeMember: async (nodeId) => {
      if (nodeId === 'coordinator-3') throw new StratumError('UNSAFE', 'the rest would have no quorum');
      removed.push(nodeId);
      return { changed: nodeId === 'coordinator-2', members: [] };
    },
  });
  return { modules: { ...modules, consensus }, removed };
}

describe('RemoveConsensusMember', () => {
  it('removes a member and logs who asked', async () => {
    const { modules, removed } = await sample();
    expect(await removeConsensusMember(modules)(request, call)).toEqual({ removed: true, members: [] });
    expect(removed).toEqual(['coordinator-2']);
    expect(modules.log.lines.at(-1)).toMatchObject({ level: 'info', fields: { member: 'coordinator-2', by } });
  });

  it('is success for a member that nobody knows, and logs no change', async () => {
    const { modules } = await sample();
    const answer = await removeConsensusMember(modules)({ ...request, nodeId: 'gone' }, call);
    expect(answer).toEqual({ removed: false, members: [] });
    expect(modules.log.lines).toEqual([]);
  });

  it('passes on that the rest would have no quorum', async () => {
    const { modules } = await sample();
    const asked = removeConsensusMember(modules)({ ...request, nodeId: 'coordinator-3' }, call);
    await expect(asked).rejects.toMatchObject({ code: 'UNSAFE' });
  });

  it.each(badNodeIds)('refuses the id %j and removes nothing', async (nodeId) => {
    const { modules, removed } = await sample();
    const asked = removeConsensusMember(modules)({ ...request, nodeId }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'node_id' } });
    expect(removed).toEqual([]);
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules, removed } = await sample();
    const asked = removeConsensusMember(modules)({ ...request, audit: refused }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(removed).toEqual([]);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sample();
    const consensus = follower(modules.consensus, otherLeader);
    const asked = removeConsensusMember({ ...modules, consensus })(request, call);
    await expect(asked).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});

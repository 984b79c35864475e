import { describe, expect, it } from 'vitest';
import { transferLeader } from '../../../../../src/node/coordinator/rpc/transfer-leader.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { audit, badNodeIds, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

/** A leader that hands over to whom it is told, or to coordinator-2. */
async function sample() {
  const { modules } = await sampleCoordinator();
  const asked: (string | undefined)[] = [];
  const consensus = delegatingConsensus(modules.consensus, {
    transfer: async (targetId) => {
      asked.push(targetId);
      return { leaderId: targetId ?? 'coordinator-2', leaderAddress: undefined, term: 8n, isLeader: false };
    },
  });
  return { modules: { ...modules, consensus }, asked };
}

describe('TransferLeader', () => {
  it.each([
    ['the named coordinator', 'coordinator-3', 'coordinator-3', 'coordinator-3'],
    ['any other when none is named', '', undefined, 'coordinator-2'],
  ])('hands over to %s, answers the new leader and term, and logs who asked', async (_, targetId, asked, leaderId) => {
    const sampled = await sample();
    expect(await transferLeader(sampled.modules)({ targetId, audit }, call)).toEqual({ leaderId, term: 8n });
    expect(sampled.asked).toEqual([asked]);
    expect(sampled.modules.log.lines.at(-1)).toMatchObject({
      level: 'info',
      fields: { leader: leaderId, term: 8n, by },
    });
  });

  it('is success when the named one leads already', async () => {
    const { modules } = await sampleCoordinator();
    const request = { targetId: 'coordinator-1', audit };
    expect(await transferLeader(modules)(request, call)).toEqual({ leaderId: 'coordinator-1', term: 1n });
  });

  it('says NODE_NOT_FOUND where there is one coordinator alone', async () => {
    const { modules } = await sampleCoordinator();
    const asked = transferLeader(modules)({ targetId: '', audit }, call);
    await expect(asked).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
  });

  it.each(badNodeIds.filter((id) => id !== ''))('refuses the target %j and keeps the leadership', async (targetId) => {
    const { modules, asked } = await sample();
    const refused = transferLeader(modules)({ targetId, audit }, call);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'target_id' } });
    expect(asked).toEqual([]);
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules, asked } = await sample();
    const transfer = transferLeader(modules)({ targetId: '', audit: refused }, call);
    await expect(transfer).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(asked).toEqual([]);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sample();
    const consensus = follower(modules.consensus, otherLeader);
    const asked = transferLeader({ ...modules, consensus })({ targetId: '', audit }, call);
    await expect(asked).rejects.toMatchObject({ code: 'NOT_LEADER', details: { leaderId: otherLeader.id } });
  });
});

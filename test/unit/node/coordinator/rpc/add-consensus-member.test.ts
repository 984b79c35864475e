import { describe, expect, it } from 'vitest';
import { addConsensusMember } from '../../../../../src/node/coordinator/rpc/add-consensus-member.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { audit, badNodeIds, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

const request = { nodeId: 'coordinator-2', peerAddress: '10.0.0.2:2380', audit };
const member = {
  id: 'coordinator-2',
  engineId: 'ab12',
  address: '10.0.0.2:2380',
  reachable: false,
  leader: false,
  error: 'has not started',
};

/** A leader whose engine takes members, or has them already. */
async function sample(changed = true) {
  const { modules } = await sampleCoordinator();
  const added: unknown[] = [];
  const consensus = delegatingConsensus(modules.consensus, {
    addMember: async (place) => {
      added.push(place);
      return { changed, members: [member] };
    },
  });
  return { modules: { ...modules, consensus }, added };
}

describe('AddConsensusMember', () => {
  it('adds a member, answers all of them, and logs who asked', async () => {
    const { modules, added } = await sample();
    expect(await addConsensusMember(modules)(request, call)).toEqual({ alreadyMember: false, members: [member] });
    expect(added).toEqual([{ nodeId: 'coordinator-2', peerAddress: '10.0.0.2:2380' }]);
    expect(modules.log.lines.at(-1)).toMatchObject({ level: 'info', fields: { member: 'coordinator-2', by } });
  });

  it('says when the member was there already, and logs no change', async () => {
    const { modules } = await sample(false);
    expect(await addConsensusMember(modules)(request, call)).toMatchObject({ alreadyMember: true });
    expect(modules.log.lines).toEqual([]);
  });

  it('answers UNIMPLEMENTED where the engine has no members of its own', async () => {
    const { modules } = await sampleCoordinator();
    await expect(addConsensusMember(modules)(request, call)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it.each(['[::1]:2380', 'peer.example:1', '127.0.0.1:65535'])('takes the address %s', async (peerAddress) => {
    const { modules, added } = await sample();
    await addConsensusMember(modules)({ ...request, peerAddress }, call);
    expect(added).toMatchObject([{ peerAddress }]);
  });

  it.each([
    ...badNodeIds.map((nodeId): [object, string] => [{ nodeId }, 'node_id']),
    ...['', 'host', 'host:0', 'host:65536', 'http://host:1', 'host:1/path', 'a b:1', 'u@host:1', 'host:1\n'].map(
      (peerAddress): [object, string] => [{ peerAddress }, 'peer_address'],
    ),
  ])('refuses %j and adds nothing', async (changes, field) => {
    const { modules, added } = await sample();
    const asked = addConsensusMember(modules)({ ...request, ...changes }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(added).toEqual([]);
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules, added } = await sample();
    const asked = addConsensusMember(modules)({ ...request, audit: refused }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(added).toEqual([]);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sample();
    const consensus = follower(modules.consensus, otherLeader);
    const asked = addConsensusMember({ ...modules, consensus })(request, call);
    await expect(asked).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});

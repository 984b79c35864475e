import { describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../../../src/base/errors.ts';
import type { CoordinationStore, StoreMember } from '../../../../src/consensus/etcd/coordination-store.ts';
import { EngineMembers } from '../../../../src/consensus/etcd/engine-members.ts';
import { coordinatorKey, encodeHolder } from '../../../../src/consensus/etcd/etcd-records.ts';

function member(number: number): StoreMember {
  return { engineId: `${number}`, name: `c${number}`, peerAddress: `h${number}:2380`, clientUrls: [] };
}

/** An engine of members 1 to 3 of which 1 answers and leads, as coordinator c1 sees it. */
function sample(alive: readonly number[], options: { readonly areOwn?: boolean; readonly isCut?: boolean } = {}) {
  const changes: string[] = [];
  let members = [member(1), member(2), member(3)];
  const cut = () => Promise.reject(new StratumError('NO_QUORUM', 'etcd, read: cut', { what: 'etcd' }));
  const store: Partial<CoordinationStore> = {
    read: () => {
      if (options.isCut === true) return cut();
      const keys = alive.map((number) => ({
        key: coordinatorKey(`c${number}`),
        value: encodeHolder({ nodeId: `c${number}`, address: `h${number}:7480`, session: '1' }),
        createRevision: 1n,
        modRevision: 1n,
      }));
      return Promise.resolve({ revision: 1n, keys });
    },
    status: () =>
      Promise.resolve({
        leaderEngineId: '1',
        raftTerm: 2n,
        committedIndex: 9n,
        appliedIndex: 8n,
        members,
        alarms: [],
        answers: new Map([['1', undefined]]),
      }),
    addMember: (peerAddress) => {
      changes.push(`add ${peerAddress}`);
      members = [...members, { engineId: '4', name: '', peerAddress, clientUrls: [] }];
      return Promise.resolve();
    },
    removeMember: (engineId) => {
      changes.push(`remove ${engineId}`);
      members = members.filter((each) => each.engineId !== engineId);
      return Promise.resolve();
    },
  };
  const { areOwn = true } = options;
  // What these tests do not reach is left out.
  return { changes, engine: new EngineMembers({ nodeId: 'c1', areOwn }, { store: store as CoordinationStore }) };
}

describe('EngineMembers', () => {
  it('takes a member for reachable when it answers or its coordinator is alive', async () => {
    const { engine } = sample([1, 2]);
    expect(await engine.status()).toMatchObject({
      hasQuorum: true,
      members: [
        { id: 'c1', engineId: '1', address: 'h1:2380', reachable: true, leader: true, error: '' },
        { id: 'c2', reachable: true, leader: false, error: '' },
        { id: 'c3', reachable: false, error: 'its coordinator gives no sign of life' },
      ],
    });
  });

  it('says that there is no quorum when no read comes through', async () => {
    expect(await sample([1, 2], { isCut: true }).engine.status()).toMatchObject({ hasQuorum: false });
  });

  it('adds a member once, and shows it by its address until it has started', async () => {
    const { engine, changes } = sample([1, 2]);
    const place = { nodeId: 'c4', peerAddress: 'h4:2380' };
    const added = await engine.add(place);
    expect(added.changed).toBe(true);
    expect(added.members.at(-1)).toMatchObject({ id: 'h4:2380', reachable: false, error: 'it has not started yet' });
    expect((await engine.add(place)).changed).toBe(false);
    expect(changes).toEqual(['add h4:2380']);
  });

  it('refuses another member while those that were added have not started', async () => {
    const { engine, changes } = sample([1, 2]);
    await engine.add({ nodeId: 'c4', peerAddress: 'h4:2380' });
    await engine.add({ nodeId: 'c5', peerAddress: 'h5:2380' });
    await expect(engine.add({ nodeId: 'c6', peerAddress: 'h6:2380' })).rejects.toSatisfy(
      (error) => hasCode(error, 'UNSAFE') && error.hint === 'start the ones that were added: h4:2380, h5:2380',
    );
    expect(changes).toEqual(['add h4:2380', 'add h5:2380']);
  });

  it('refuses a name that another address has', async () => {
    const { engine, changes } = sample([1, 2]);
    await expect(engine.add({ nodeId: 'c3', peerAddress: 'new:2380' })).rejects.toSatisfy((error) =>
      hasCode(error, 'VERSION_CONFLICT'),
    );
    expect(changes).toEqual([]);
  });

  it('removes a dead member, and is content when it is gone already', async () => {
    const { engine, changes } = sample([1, 2]);
    expect((await engine.remove('c3')).changed).toBe(true);
    expect((await engine.remove('c3')).changed).toBe(false);
    expect(changes).toEqual(['remove 3']);
  });

  it.each([
    ['its own member', [1, 2, 3], 'c1'],
    ['a member without which there is no majority', [1], 'c2'],
  ])('refuses to remove %s', async (_name, alive, id) => {
    const { engine, changes } = sample(alive);
    await expect(engine.remove(id)).rejects.toSatisfy((error) => hasCode(error, 'UNSAFE'));
    expect(changes).toEqual([]);
  });

  it('leaves an etcd alone that is not the coordinators’ own', async () => {
    const { engine } = sample([1], { areOwn: false });
    const error = (outcome: unknown) => hasCode(outcome, 'UNIMPLEMENTED');
    await expect(engine.add({ nodeId: 'c4', peerAddress: 'h4:1' })).rejects.toSatisfy(error);
    await expect(engine.remove('c2')).rejects.toSatisfy(error);
  });
});

import { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../../../src/base/errors.ts';
import type { CoordinationStore } from '../../../../src/consensus/etcd/coordination-store.ts';
import { encodeHolder } from '../../../../src/consensus/etcd/etcd-records.ts';
import { type EtcdProcess, startEtcd } from '../../../conformance/etcd-process.ts';
import { register } from '../../topology/sample-cluster.ts';
import { delegatingStore } from './delegating-store.ts';
import { reaches, SampleCoordinators, whenLeadership } from './sample-coordinators.ts';

const node = (number: number) => register({ id: `node-${number}`, roles: ['frontend'] });
const noQuorum = () => new StratumError('NO_QUORUM', 'etcd, commit: cut', { what: 'etcd' });

/** A link to etcd that a test opens and shuts. */
function gate() {
  let opened = Promise.withResolvers<void>();
  opened.resolve();
  return {
    shut: () => {
      opened = Promise.withResolvers<void>();
    },
    open: () => opened.resolve(),
    through: (store: CoordinationStore): CoordinationStore => {
      const passing =
        <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
        async (...args: Args) => {
          await opened.promise;
          return call(...args);
        };
      return delegatingStore(store, {
        read: passing((ranges) => store.read(ranges)),
        commit: passing((guards, changes) => store.commit(guards, changes)),
        renewLease: passing((id) => store.renewLease(id)),
        grantLease: passing((ttlMs) => store.grantLease(ttlMs)),
      });
    },
  };
}

describe('EtcdConsensus', () => {
  let etcd: EtcdProcess;
  let coordinators: SampleCoordinators;

  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());
  beforeEach(() => {
    coordinators = new SampleCoordinators(etcd);
  });
  afterEach(async () => {
    etcd.resume();
    await coordinators.stopAll();
  });

  it('shows a follower every version once, in order, and the same topology in the end', async () => {
    const { consensus: leader } = await coordinators.startLeader('coordinator-1');
    const { consensus: follower } = await coordinators.start('coordinator-2');
    const seen: (bigint | undefined)[] = [];
    follower.subscribe((update) => seen.push(update?.version));
    await Promise.all(Array.from({ length: 150 }, (_, index) => leader.propose(node(index))));
    await reaches(follower, 150n);
    expect(seen).toEqual(Array.from({ length: 150 }, (_, index) => BigInt(index + 1)));
    expect(follower.current()).toEqual(leader.current());
    expect(follower.leadership()).toEqual({
      leaderId: 'coordinator-1',
      leaderAddress: '127.0.0.1:7481',
      term: leader.leadership().term,
      isLeader: false,
    });
    await expect(follower.propose(node(0))).rejects.toSatisfy(
      (error) => hasCode(error, 'NOT_LEADER') && error.details.leaderAddress === '127.0.0.1:7481',
    );
  });

  it('starts from the last snapshot and the updates after it', async () => {
    const { consensus: leader } = await coordinators.startLeader('coordinator-1');
    for (let number = 0; number < 70; number += 1) await leader.propose(node(number));
    const { consensus: later } = await coordinators.start('coordinator-2');
    await reaches(later, 70n);
    expect(later.current()).toEqual(leader.current());
    expect(later.history(20n)).toEqual(leader.history(20n));
  });

  it('refuses a deposed leader’s late write in the store, and tells that leader who leads now (invariant 4)', async () => {
    const link = gate();
    const { consensus: first } = await coordinators.startLeader('coordinator-1', { through: link.through });
    await first.propose(node(1));
    const { consensus: second } = await coordinators.start('coordinator-2');
    const before = first.leadership();
    link.shut();
    const late = first.propose(node(2));
    late.catch(() => undefined); // Looked at below.
    await whenLeadership(second, ({ isLeader }) => isLeader);
    expect(second.leadership().term > before.term).toBe(true);
    await second.propose(node(3));
    expect(first.leadership()).toMatchObject({ isLeader: false });
    link.open();
    await expect(late).rejects.toSatisfy((error) => hasCode(error, 'NOT_LEADER') || hasCode(error, 'NO_LEADER'));
    await reaches(first, 2n);
    expect([...first.current().nodes.keys()]).toEqual(['node-1', 'node-3']);
    await whenLeadership(first, ({ leaderId }) => leaderId === 'coordinator-2');
  });

  it('does not believe its own clock alone: a leader that etcd has forgotten cannot write', async () => {
    const { consensus } = await coordinators.startLeader('coordinator-1');
    const store = coordinators.store();
    const value = encodeHolder({ nodeId: 'x', address: 'x:1', session: '0' });
    // The nomination keeps the coordinator from taking the key again.
    await store.commit([], [{ put: 'nominee', value }, { delete: { start: 'leader' } }]);
    await expect(consensus.propose(node(1))).rejects.toBeInstanceOf(StratumError);
    await store.commit([], [{ put: 'leader', value }]);
    await whenLeadership(consensus, ({ leaderId }) => leaderId === 'x');
    expect(consensus.leadership().isLeader).toBe(false);
    expect(consensus.current().version).toBe(0n);
    store.close();
  });

  it.each([
    ['was done, and the answer was lost', true],
    ['was not done', false],
  ])('makes a change once when nobody knows whether the first write %s', async (_name, isDone) => {
    let failures = 2;
    const through = (store: CoordinationStore) =>
      delegatingStore(store, {
        commit: async (guards, changes) => {
          const isUpdate = changes.some((change) => 'put' in change && change.put.startsWith('updates/'));
          if (!isUpdate || failures === 0) return store.commit(guards, changes);
          failures -= 1;
          if (isDone) await store.commit(guards, changes);
          throw noQuorum();
        },
      });
    const { consensus } = await coordinators.startLeader('coordinator-1', { through });
    const seen: (bigint | undefined)[] = [];
    consensus.subscribe((update) => seen.push(update?.version));
    const applied = await Promise.all([consensus.propose(node(1)), consensus.propose(node(2))]);
    expect(applied.map(({ update }) => update?.version)).toEqual([1n, 2n]);
    expect(applied.map(({ update }) => update?.nodesChanged[0]?.id)).toEqual(['node-1', 'node-2']);
    expect(seen).toEqual([1n, 2n]);
    expect(failures).toBe(0);
  });

  it('says that the outcome is unknown when etcd does not answer for long, and goes on when it does', async () => {
    const { consensus } = await coordinators.startLeader('coordinator-1');
    etcd.pause();
    await expect(consensus.propose(node(1))).rejects.toSatisfy(
      (error) => hasCode(error, 'NO_QUORUM') || hasCode(error, 'NO_LEADER'),
    );
    expect(consensus.leadership().isLeader).toBe(false);
    etcd.resume();
    await whenLeadership(consensus, ({ isLeader }) => isLeader);
    await consensus.propose(node(2));
    const { version, nodes } = consensus.current();
    expect(nodes.has('node-2')).toBe(true);
    expect(version).toBe(BigInt(nodes.size));
  });

  it('jumps, and says so, when it was away for longer than the history reaches back and etcd has compacted', async () => {
    const link = gate();
    const watchEnd = new AbortController();
    const through = (store: CoordinationStore) =>
      delegatingStore(link.through(store), {
        watch: (from, signal) => store.watch(from, AbortSignal.any([signal, watchEnd.signal])),
      });
    const { consensus: leader } = await coordinators.startLeader('coordinator-1', { historyMax: 8 });
    const { consensus: follower } = await coordinators.start('coordinator-2', { through, historyMax: 8 });
    await leader.propose(node(0));
    await reaches(follower, 1n);
    const seen: (bigint | undefined)[] = [];
    const versions: bigint[] = [];
    follower.subscribe((update, topology) => {
      seen.push(update?.version);
      versions.push(topology.version);
    });
    link.shut();
    watchEnd.abort(noQuorum());
    for (let number = 1; number < 30; number += 1) await leader.propose(node(number));
    const etcd3 = new Etcd3({ hosts: etcd.endpoint });
    const { header } = await etcd3.kv.range({ key: Buffer.from('x') });
    await etcd3.kv.compact({ revision: header.revision });
    etcd3.close();
    link.open();
    await reaches(follower, 30n);
    expect(seen[0]).toBeUndefined();
    expect(versions[0]).toBe(30n);
    expect(follower.current()).toEqual(leader.current());
    expect(follower.history(25n)).toEqual(leader.history(25n));
    expect(follower.history(3n)).toBeUndefined();
  });

  it('follows on without a gap when etcd has compacted what its history still has', async () => {
    const link = gate();
    const { consensus: leader } = await coordinators.startLeader('coordinator-1');
    const { consensus: follower } = await coordinators.start('coordinator-2', { through: link.through });
    await leader.propose(node(0));
    await reaches(follower, 1n);
    const seen: (bigint | undefined)[] = [];
    follower.subscribe((update) => seen.push(update?.version));
    link.shut();
    for (let number = 1; number < 20; number += 1) await leader.propose(node(number));
    link.open();
    await reaches(follower, 20n);
    expect(seen).toEqual(Array.from({ length: 19 }, (_, index) => BigInt(index + 2)));
  });

  it('hands leadership to the coordinator that is named, and no version is lost over it', async () => {
    const { consensus: first } = await coordinators.startLeader('coordinator-1');
    const { consensus: second } = await coordinators.start('coordinator-2');
    const { consensus: third } = await coordinators.start('coordinator-3');
    await coordinators.whenAlive('coordinator-2', 'coordinator-3');
    const before = first.leadership().term;
    const proposals = Array.from({ length: 20 }, (_, index) => first.propose(node(index)));
    const next = await first.transfer('coordinator-3');
    expect(next).toMatchObject({ leaderId: 'coordinator-3', leaderAddress: '127.0.0.1:7483' });
    expect(next.term > before).toBe(true);
    await Promise.all(proposals);
    await whenLeadership(third, ({ isLeader }) => isLeader);
    expect(first.leadership().isLeader || second.leadership().isLeader).toBe(false);
    const { update } = await third.propose(node(99));
    expect(update).toMatchObject({ version: 21n, term: next.term });
    await expect(first.transfer(undefined)).rejects.toSatisfy((error) => hasCode(error, 'NOT_LEADER'));
  });

  it('elects another when the one that was named does not take over', async () => {
    const link = gate();
    const { consensus: first } = await coordinators.startLeader('coordinator-1');
    await coordinators.start('coordinator-2', { through: link.through });
    await coordinators.whenAlive('coordinator-2');
    link.shut();
    await expect(first.transfer('coordinator-2')).rejects.toSatisfy((error) => hasCode(error, 'WAIT_TIMEOUT'));
    await whenLeadership(first, ({ isLeader }) => isLeader);
    await expect(first.propose(node(1))).resolves.toMatchObject({ update: { version: 1n } });
    link.open();
  });

  it('elects another at once when the leader stops, and the late one is a follower', async () => {
    const { consensus: first } = await coordinators.startLeader('coordinator-1');
    const { consensus: second } = await coordinators.start('coordinator-2');
    await first.propose(node(1));
    await coordinators.stop(first);
    await whenLeadership(second, ({ isLeader }) => isLeader);
    await expect(second.propose(node(2))).resolves.toMatchObject({ update: { version: 2n } });
    const { consensus: again } = await coordinators.start('coordinator-1');
    await whenLeadership(again, ({ leaderId }) => leaderId === 'coordinator-2');
    expect(again.current().version >= 1n).toBe(true);
  });

  it('confirms leadership by the store, with all that was written before', async () => {
    const { consensus: leader } = await coordinators.startLeader('coordinator-1');
    const { consensus: follower } = await coordinators.start('coordinator-2');
    await leader.propose(node(1));
    await expect(leader.confirmLeadership()).resolves.toBeUndefined();
    await whenLeadership(follower, ({ leaderId }) => leaderId !== undefined);
    await expect(follower.confirmLeadership()).rejects.toSatisfy((error) => hasCode(error, 'NOT_LEADER'));
    expect(leader.ageMs()).toBeGreaterThanOrEqual(0);
  });

  it('reports members, indexes and quorum, and says so when etcd is silent', async () => {
    const { consensus } = await coordinators.startLeader('coordinator-1');
    const status = await consensus.status();
    expect(status).toMatchObject({
      driver: 'etcd',
      hasQuorum: true,
      members: [{ id: 'test', reachable: true, leader: true, error: '' }],
    });
    expect(status.appliedIndex > 0n && status.raftTerm > 0n).toBe(true);
    etcd.pause();
    expect(await consensus.status()).toMatchObject({ hasQuorum: false, members: [{ reachable: false }] });
  });

  it('refuses changes, and says why, when etcd was restored from a backup under it', async () => {
    const { consensus } = await coordinators.startLeader('coordinator-1');
    await consensus.propose(node(1));
    const store = coordinators.store();
    const { keys } = await store.read([{ start: 'head' }]);
    await consensus.propose(node(2));
    await store.commit([], [{ put: 'head', value: keys[0]?.value ?? Buffer.alloc(0) }]);
    await expect(consensus.propose(node(3))).rejects.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT'));
    await store.commit([], [{ delete: { start: 'head' } }]);
    await expect(consensus.propose(node(3))).rejects.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT'));
    store.close();
  });

  it('refuses to start on records that it cannot read', async () => {
    const store = coordinators.store();
    await store.commit([], [{ put: 'head', value: Buffer.from('many') }]);
    await expect(coordinators.start('coordinator-1')).rejects.toSatisfy((error) => hasCode(error, 'DATA_CORRUPT'));
    store.close();
  });

  it('leaves the members of an etcd that is not the coordinators’ own alone', async () => {
    const { consensus } = await coordinators.startLeader('coordinator-1');
    const place = { nodeId: 'coordinator-2', peerAddress: '127.0.0.1:1' };
    await expect(consensus.addMember(place)).rejects.toSatisfy((error) => hasCode(error, 'UNIMPLEMENTED'));
    await expect(consensus.removeMember('test')).rejects.toSatisfy((error) => hasCode(error, 'UNIMPLEMENTED'));
  });
});

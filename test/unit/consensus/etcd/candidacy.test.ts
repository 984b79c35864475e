import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { Candidacy } from '../../../../src/consensus/etcd/candidacy.ts';
import type { Change, CoordinationStore, StoredKey } from '../../../../src/consensus/etcd/coordination-store.ts';
import { encodeHolder, etcdKeys } from '../../../../src/consensus/etcd/etcd-records.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';

const leaseMs = 4_000;
const noQuorum = () => Promise.reject(new StratumError('NO_QUORUM', 'etcd: cut', { what: 'etcd' }));

function key(name: string, nodeId: string, session: string, revision: bigint): StoredKey {
  const value = encodeHolder({ nodeId, address: `${nodeId}:7480`, session });
  return { key: name, value, createRevision: revision, modRevision: revision };
}

/** A candidate c1 whose store answers as the test says. */
async function sample() {
  const clock = manualClock();
  const calls: string[] = [];
  const told: string[] = [];
  const state = { isCut: false, revision: 10n, isLeaseAlive: true };
  const commit = (changes: readonly Change[]) => {
    const puts = changes.flatMap((change) => ('put' in change ? [change.put] : []));
    calls.push(`put ${puts.join(', ')}`);
    state.revision += 1n;
    return Promise.resolve({ succeeded: true, revision: state.revision });
  };
  const store: Partial<CoordinationStore> = {
    grantLease: () => {
      calls.push('grant');
      return state.isCut ? noQuorum() : Promise.resolve(`lease-${calls.length}`);
    },
    renewLease: () => {
      calls.push('renew');
      return state.isCut ? noQuorum() : Promise.resolve(state.isLeaseAlive);
    },
    revokeLease: () => Promise.resolve(),
    commit: (_guards, changes) => (state.isCut ? noQuorum() : commit(changes)),
  };
  const candidacy = new Candidacy(
    { nodeId: 'c1', address: () => 'c1:7480', leaseMs },
    {
      // What a candidacy does not use is left out.
      store: store as CoordinationStore,
      clock,
      log: recordingLog(),
      look: () => Promise.resolve(),
      onWon: (term) => told.push(`won ${term}`),
      onLost: () => told.push('lost'),
      onLeader: (leader) => told.push(`leader ${leader?.holder.nodeId ?? 'none'}`),
    },
  );
  const ended = new AbortController();
  const running = candidacy.run(ended.signal);
  /** Lets what has become due be done. */
  const settle = async (advanceMs = 0) => {
    clock.advance(advanceMs);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  await settle();
  return {
    candidacy,
    clock,
    calls,
    told,
    state,
    settle,
    end: async () => {
      ended.abort();
      await running;
    },
  };
}

describe('Candidacy', () => {
  it('takes a lease, says that it is alive, and takes the leader’s key when nobody has it', async () => {
    const { candidacy, calls, told, end } = await sample();
    expect(calls).toEqual(['grant', 'put coordinators/c1', 'put leader']);
    expect(told).toEqual(['won 12']);
    expect(candidacy.term).toBe(12n);
    await end();
  });

  it('does not lead any more when its lease may have ended, counted from the last renewal that was sent', async () => {
    const { candidacy, clock, told, state, settle, end } = await sample();
    state.isCut = true;
    await settle(leaseMs - 1);
    expect(candidacy.term).toBe(12n);
    // As after a stop of the process: time has passed, and no timer has run yet.
    const monotonicMs = clock.monotonicMs;
    clock.monotonicMs = () => monotonicMs() + 2;
    expect(candidacy.term).toBeUndefined();
    clock.monotonicMs = monotonicMs;
    await settle(2);
    expect(told).toEqual(['won 12', 'lost']);
    await end();
  });

  it('leads on in the same term when the renewal still comes in time for etcd', async () => {
    const { candidacy, told, state, settle, end } = await sample();
    state.isCut = true;
    await settle(leaseMs + 1);
    expect(candidacy.term).toBeUndefined();
    state.isCut = false;
    await settle(leaseMs);
    candidacy.see(20n, { leader: key(etcdKeys.leader, 'c1', 'lease-1', 12n) });
    expect(candidacy.term).toBe(12n);
    expect(told).toEqual(['won 12', 'lost', 'won 12']);
    await end();
  });

  it('begins with a new lease when etcd has forgotten the old one, and does not take the old key for its own', async () => {
    const { candidacy, calls, told, state, settle, end } = await sample();
    state.isLeaseAlive = false;
    await settle(leaseMs / 4);
    expect(told.slice(0, 2)).toEqual(['won 12', 'lost']);
    expect(calls.slice(3)).toContain('grant');
    const before = told.length;
    candidacy.see(50n, { leader: key(etcdKeys.leader, 'c1', 'lease-1', 12n) });
    expect(told.slice(before).filter((line) => line === 'won 12')).toEqual([]);
    await end();
  });

  it('passes over news that are older than what it knows', async () => {
    const { candidacy, told, end } = await sample();
    candidacy.see(20n, { leader: key(etcdKeys.leader, 'c2', 'other', 20n) });
    candidacy.see(15n, { leader: null });
    expect(candidacy.leader).toMatchObject({ term: 20n, holder: { nodeId: 'c2' } });
    expect(told).toEqual(['won 12', 'lost', 'leader c2']);
    await end();
  });

  it('waits while another is nominated, without asking over and over, and stands again when that is over', async () => {
    const { candidacy, calls, settle, end } = await sample();
    candidacy.see(20n, { leader: null, nominee: key(etcdKeys.nominee, 'c2', 'short', 20n) });
    await settle();
    const before = calls.length;
    await settle(leaseMs / 4);
    expect(calls.slice(before)).toEqual(['renew']);
    candidacy.see(21n, { nominee: null });
    await settle();
    expect(calls.slice(before + 1)).toEqual(['renew', 'put leader']);
    await end();
  });
});

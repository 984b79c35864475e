import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { Candidacy } from '../../../../src/consensus/etcd/candidacy.ts';
import type { CoordinationStore, StoredKey } from '../../../../src/consensus/etcd/coordination-store.ts';
import { encodeHolder } from '../../../../src/consensus/etcd/etcd-records.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';

const leaseMs = 2_000;
const term = 7n;

const unused = () => Promise.reject(new StratumError('INTERNAL', 'not part of this test'));

/** All that was under way and can go on has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const ownKey: StoredKey = {
  key: 'leader',
  value: encodeHolder({ nodeId: 'one', address: 'one:1', session: 'lease-1' }),
  createRevision: term,
  modRevision: term,
};

describe('Candidacy', () => {
  let clock: ManualClock;
  /** The store's answer to the next renewals. */
  let renewal: () => Promise<boolean>;
  let events: string[];
  let stopping: AbortController;
  let revision: bigint;

  /** A candidacy that has won its election; its timers come `timerErrorMs` later than they should. */
  async function leading(timerErrorMs: number): Promise<Candidacy> {
    const after: Clock['after'] = (delayMs, callback) => clock.after(Math.max(0.5, delayMs + timerErrorMs), callback);
    const skewed: Clock = { ...clock, after };
    const store: CoordinationStore = {
      read: unused,
      commit: () => Promise.resolve({ succeeded: true, revision: term }),
      grantLease: () => Promise.resolve('lease-1'),
      renewLease: () => renewal(),
      revokeLease: unused,
      watch: () => {
        throw new StratumError('INTERNAL', 'not part of this test');
      },
      status: unused,
      addMember: unused,
      removeMember: unused,
      close: () => undefined,
    };
    const candidacy = new Candidacy(
      { nodeId: 'one', address: () => 'one:1', leaseMs },
      {
        store,
        clock: skewed,
        log: recordingLog(),
        look: () => {
          revision += 1n;
          if (events.length > 0) candidacy.see(revision, { leader: ownKey });
          return Promise.resolve();
        },
        // What it is told counts only if it leads by its own clock at that moment.
        onWon: (won) => events.push(candidacy.term === won ? 'won' : 'won in vain'),
        onLost: () => events.push('lost'),
        onLeader: () => undefined,
      },
    );
    void candidacy.run(stopping.signal);
    await settled();
    expect(events).toEqual(['won']);
    return candidacy;
  }

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settled();
    }
  }

  beforeEach(() => {
    clock = manualClock();
    renewal = () => Promise.resolve(true);
    events = [];
    revision = term;
    stopping = new AbortController();
    return () => stopping.abort();
  });

  it('leads on while its lease is renewed', async () => {
    const candidacy = await leading(0);
    await pass(5 * leaseMs);
    expect(candidacy.term).toBe(term);
    expect(events).toEqual(['won']);
  });

  it.each([0, -1.7])('says that it has lost when its lease ends, with timers that are %s ms late', async (errorMs) => {
    const candidacy = await leading(errorMs);
    renewal = () => new Promise(() => undefined);
    await pass(leaseMs + 100);
    expect(candidacy.term).toBeUndefined();
    expect(events).toEqual(['won', 'lost']);
  });

  it('does not win by a lease that has ended, and wins when the store renews it after all', async () => {
    const candidacy = await leading(0);
    const late = Promise.withResolvers<boolean>();
    renewal = () => late.promise;
    await pass(leaseMs + 100);
    // The watch of the store is quicker than the renewal: an election of etcd has prolonged the lease there.
    candidacy.see(revision + 1n, { leader: ownKey });
    expect(events).toEqual(['won', 'lost']);
    renewal = () => Promise.resolve(true);
    late.reject(new StratumError('NO_QUORUM', 'the renewal was not answered', { what: 'etcd' }));
    await pass(leaseMs);
    expect(candidacy.term).toBe(term);
    expect(events).toEqual(['won', 'lost', 'won']);
  });

  it('loses and wins again when the renewal comes after the end of the lease, and before the timer', async () => {
    const candidacy = await leading(300);
    const late = Promise.withResolvers<boolean>();
    renewal = () => late.promise;
    while (candidacy.term !== undefined) clock.advance(10);
    expect(events).toEqual(['won']);
    renewal = () => Promise.resolve(true);
    late.resolve(true);
    await pass(leaseMs);
    expect(candidacy.term).toBe(term);
    expect(events).toEqual(['won', 'lost', 'won']);
  });
});

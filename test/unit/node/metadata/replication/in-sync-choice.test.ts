import { describe, expect, it } from 'vitest';
import { type InSyncView, nextInSync } from '../../../../../src/node/metadata/replication/in-sync-choice.ts';
import { MemberProgress } from '../../../../../src/node/metadata/replication/member-progress.ts';
import { timingsOf } from '../../../../../src/node/metadata/replication/replication-timings.ts';
import { assigned, leaseMs } from './sample-replica.ts';

const nowMs = 100_000;
const timings = timingsOf(leaseMs);

interface Seen {
  /** Since it was heard. */
  readonly silentMs?: number;
  /** Since it got any further. */
  readonly behindMs?: number;
  readonly matchIndex?: bigint;
  readonly isWell?: boolean;
  readonly counts?: boolean;
}

/** The next in-sync set of m1 with 10 entries committed; who is not told of is in order. */
function choice(
  inSync: readonly string[],
  seen: Readonly<Record<string, Seen>>,
  replicas = ['m1', 'm2', 'm3', 'm4'],
  listensFromMs = 0,
) {
  const members = new Map(
    replicas.slice(1).map((id) => {
      const { silentMs = 0, behindMs = 0, matchIndex = 10n } = seen[id] ?? {};
      const member = new MemberProgress(id, { nextIndex: 1n, nowMs: 0 });
      Object.assign(member, {
        heardMs: nowMs - silentMs,
        leaseFromMs: nowMs - silentMs,
        behindSinceMs: nowMs - behindMs,
        matchIndex,
      });
      return [id, member];
    }),
  );
  const view: InSyncView = {
    nodeId: 'm1',
    assignment: assigned(5n, 'm1', { inSync, replicas }),
    members,
    nowMs,
    listensFromMs,
  };
  return nextInSync(view, {
    timings,
    counts: (id) => seen[id]?.counts ?? true,
    isWell: (id) => seen[id]?.isWell ?? true,
    caughtUpFrom: 10n,
  });
}

const behindMsMax = timings.appendTimeoutMs + timings.laggardMs;
const gone: Seen = { silentMs: 10_000, matchIndex: 0n };

describe('the next in-sync set', () => {
  it.each<[string, readonly string[], Readonly<Record<string, Seen>>, readonly string[] | undefined]>([
    ['stays when nobody is missing', ['m1', 'm2', 'm3', 'm4'], {}, undefined],
    [
      'keeps who has been silent for one and a half leases',
      ['m1', 'm2', 'm3', 'm4'],
      { m3: { silentMs: 1_500 } },
      undefined,
    ],
    [
      'is without who has been silent for longer',
      ['m1', 'm2', 'm3', 'm4'],
      { m3: { silentMs: 1_501 } },
      ['m1', 'm2', 'm4'],
    ],
    [
      'keeps who is unwell for half a lease',
      ['m1', 'm2', 'm3', 'm4'],
      { m3: { silentMs: 500, isWell: false } },
      undefined,
    ],
    [
      'is without who is unwell and silent for longer',
      ['m1', 'm2', 'm3', 'm4'],
      { m3: { silentMs: 501, isWell: false } },
      ['m1', 'm2', 'm4'],
    ],
    ['keeps who is behind for a while', ['m1', 'm2', 'm3', 'm4'], { m3: { behindMs: behindMsMax } }, undefined],
    [
      'is without who is behind for longer, be it heard as it may',
      ['m1', 'm2', 'm3', 'm4'],
      { m3: { behindMs: behindMsMax + 1 } },
      ['m1', 'm2', 'm4'],
    ],
    ['gets who has caught up', ['m1', 'm2'], { m4: gone }, ['m1', 'm2', 'm3']],
    ['gets nobody who lacks an entry', ['m1', 'm2'], { m3: { matchIndex: 9n }, m4: gone }, undefined],
    [
      'gets nobody whose process the cluster does not count on',
      ['m1', 'm2'],
      { m3: { counts: false }, m4: gone },
      undefined,
    ],
    ['gets nobody who is unwell', ['m1', 'm2'], { m3: { isWell: false }, m4: gone }, undefined],
    [
      'gets nobody who has not just acknowledged the lease',
      ['m1', 'm2'],
      { m3: { silentMs: 900 }, m4: gone },
      undefined,
    ],
    ['never has fewer than two', ['m1', 'm2'], { m2: gone, m3: gone, m4: gone }, undefined],
    [
      'keeps the one heard last when all are gone',
      ['m1', 'm2', 'm3', 'm4'],
      { m2: gone, m3: { silentMs: 5_000 }, m4: gone },
      ['m1', 'm3'],
    ],
    ['has another in the place of one that is gone, in one change', ['m1', 'm2'], { m2: gone, m4: gone }, ['m1', 'm3']],
    ['is one where there is but one', ['m1'], { m2: gone, m3: gone, m4: gone }, undefined],
    ['grows from one', ['m1'], { m3: gone, m4: gone }, ['m1', 'm2']],
  ])('%s', (_, inSync, seen, expected) => {
    expect(choice(inSync, seen)).toEqual(expected);
  });

  it('counts no silence from before the primary listens', () => {
    expect(choice(['m1', 'm2', 'm3', 'm4'], { m3: { silentMs: 50_000 } }, undefined, nowMs - 1_500)).toBeUndefined();
  });

  it('is without who is no replica any more', () => {
    expect(choice(['m1', 'm2', 'm3'], {}, ['m1', 'm2'])).toEqual(['m1', 'm2']);
  });
});

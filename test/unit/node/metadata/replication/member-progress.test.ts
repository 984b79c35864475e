import { describe, expect, it } from 'vitest';
import { MemberProgress } from '../../../../../src/node/metadata/replication/member-progress.ts';

function matchedUpTo10() {
  const member = new MemberProgress('m2', { nextIndex: 21n, nowMs: 0 });
  member.answeredBy(5n, 20n);
  member.matched(10n, 100);
  member.leaseFromMs = 100;
  return member;
}

describe('MemberProgress', () => {
  it('forgets what an earlier process has acknowledged, for its disk may be another', () => {
    const member = matchedUpTo10();
    expect(member.answeredBy(6n, 20n)).toBe(true);
    expect(member).toMatchObject({ generation: 6n, matchIndex: undefined, nextIndex: 21n });
    expect(member.leaseFromMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('does not listen to a process that has been replaced', () => {
    const member = matchedUpTo10();
    expect(member.answeredBy(4n, 20n)).toBe(false);
    expect(member).toMatchObject({ generation: 5n, matchIndex: 10n, leaseFromMs: 100 });
  });

  it('keeps the highest match when acknowledgements come in another order', () => {
    const member = matchedUpTo10();
    member.matched(12n, 200);
    member.matched(11n, 300);
    expect(member).toMatchObject({ matchIndex: 12n, behindSinceMs: 200 });
  });

  it('goes on behind what is on its way, and not before what has matched', () => {
    const member = matchedUpTo10();
    member.nextIndex = 16n;
    member.matched(12n, 200);
    expect(member.nextIndex).toBe(16n);
    member.matched(20n, 300);
    expect(member.nextIndex).toBe(21n);
  });

  it('is sent again what was on its way and is lost', () => {
    const member = matchedUpTo10();
    member.nextIndex = 16n;
    member.isAsked = true;
    member.lost();
    expect(member).toMatchObject({ matchIndex: 10n, nextIndex: 11n, isAsked: false });
  });

  it('counts for nothing any more when its log ends before what it had acknowledged', () => {
    const member = matchedUpTo10();
    member.mismatched(9n);
    expect(member).toMatchObject({ matchIndex: undefined, nextIndex: 10n });
  });

  it('is sent what comes after the place of a mismatch, be that earlier or later than thought', () => {
    const member = new MemberProgress('m2', { nextIndex: 21n, nowMs: 0 });
    member.mismatched(3n);
    expect(member.nextIndex).toBe(4n);
    member.mismatched(15n);
    expect(member.nextIndex).toBe(16n);
  });
});

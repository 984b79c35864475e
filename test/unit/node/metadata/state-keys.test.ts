import { describe, expect, it } from 'vitest';
import { prefixRange } from '../../../../src/node/metadata/state.ts';
import {
  aliasKey,
  answerKeyOfExpiry,
  changeKey,
  deletedRepoKey,
  deletedRepoRange,
  encodePosition,
  intentKey,
  maintenanceLeaseKey,
  packKey,
  packNameKey,
  packsReplacementKey,
  positionOfKey,
  purgeKey,
  purgeRange,
  pushAnswerKey,
  pushExpiryKey,
  pushExpiryRange,
  pushIdOfAnswerKey,
  refKey,
  refNameOf,
  refPrefix,
  repoIdOfPurgeKey,
  repoKey,
  repoRange,
  totalsKey,
} from '../../../../src/node/metadata/state-keys.ts';

const repoId = '00112233445566778899aabbccddeeff';
const pushId = Buffer.alloc(16, 7);
const isIn = (key: Buffer, range: { start: Buffer; end: Buffer }) =>
  key.compare(range.start) >= 0 && key.compare(range.end) < 0;

describe('the keys of a partition’s state', () => {
  it('are the same for ever: what is on disk must stay readable', () => {
    const position = encodePosition({ index: 258n, ordinal: 3 });
    const keys = {
      repo: repoKey('team/app'),
      ref: refKey(refPrefix(repoId), 'refs/heads/é'),
      pack: packKey(repoId, position),
      packName: packNameKey(repoId, 'ab'),
      change: changeKey(repoId, position),
      answer: pushAnswerKey(repoId, pushId),
      expiry: pushExpiryKey(1n, repoId, pushId),
      totals: totalsKey,
      deleted: deletedRepoKey(repoId),
      intent: intentKey(repoId),
      alias: aliasKey('team/app'),
      replacement: packsReplacementKey(repoId),
      purge: purgeKey(1n, repoId),
      lease: maintenanceLeaseKey(repoId),
    };
    const place = '000000000000010200000003';
    expect(Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, key.toString('hex')]))).toEqual({
      repo: Buffer.from('rteam/app').toString('hex'),
      ref: `66${repoId}${Buffer.from('refs/heads/é').toString('hex')}`,
      pack: `70${repoId}${place}`,
      packName: `6e${repoId}6162`,
      change: `67${repoId}${place}`,
      answer: `61${repoId}${'07'.repeat(16)}`,
      expiry: `650000000000000001${repoId}${'07'.repeat(16)}`,
      totals: '74',
      deleted: `64${repoId}`,
      intent: `69${repoId}`,
      alias: Buffer.from('lteam/app').toString('hex'),
      replacement: `6d${repoId}`,
      purge: `710000000000000001${repoId}`,
      lease: `77${repoId}`,
    });
  });

  it('give back what they were made of', () => {
    const key = refKey(refPrefix(repoId), 'refs/heads/é');
    expect(refNameOf({ keyText: (from) => key.toString('utf8', from) })).toBe('refs/heads/é');
    const position = { index: 2n ** 60n, ordinal: 99_999 };
    expect(positionOfKey(changeKey(repoId, encodePosition(position)))).toEqual(position);
    expect(pushIdOfAnswerKey(pushAnswerKey(repoId, pushId))).toEqual(pushId);
    expect(repoIdOfPurgeKey(purgeKey(5n, repoId))).toBe(repoId);
    expect(answerKeyOfExpiry(pushExpiryKey(5n, repoId, pushId))).toEqual(pushAnswerKey(repoId, pushId));
  });

  it('order positions as the log does', () => {
    const positions = [
      { index: 1n, ordinal: 300 },
      { index: 255n, ordinal: 0 },
      { index: 256n, ordinal: 0 },
      { index: 256n, ordinal: 256 },
    ].map(encodePosition);
    expect(positions.toSorted(Buffer.compare)).toEqual(positions);
  });

  it('find the expiries before a moment, and not those of it', () => {
    const range = pushExpiryRange(1_000n);
    expect([0n, 999n, 1_000n, 2n ** 60n].map((atMs) => isIn(pushExpiryKey(atMs, repoId, pushId), range))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('find the purges before a moment, and all deleted repositories', () => {
    expect([0n, 999n, 1_000n].map((atMs) => isIn(purgeKey(atMs, repoId), purgeRange(1_000n)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(['0', '7', 'f'].map((digit) => isIn(deletedRepoKey(digit.repeat(32)), deletedRepoRange))).toEqual([
      true,
      true,
      true,
    ]);
    expect(isIn(pushExpiryKey(0n, repoId, pushId), deletedRepoRange)).toBe(false);
  });

  it('list repositories by prefix from behind a name on', () => {
    const found = (prefix: string, after: string) =>
      ['a/a', 'a/b', 'a/b/c', 'b/a'].filter((name) => isIn(repoKey(name), repoRange(prefix, after)));
    expect(found('', '')).toEqual(['a/a', 'a/b', 'a/b/c', 'b/a']);
    expect(found('a/', '')).toEqual(['a/a', 'a/b', 'a/b/c']);
    expect(found('a/', 'a/b')).toEqual(['a/b/c']);
    expect(found('b/', 'a/b')).toEqual(['b/a']);
    expect(found('a/', 'b/a')).toEqual([]);
  });

  it('keep the rows of one repository apart from those of the next', () => {
    const last = `${repoId.slice(0, -2)}ff`;
    const next = `${repoId.slice(0, -4)}ef00`;
    expect(isIn(refKey(refPrefix(last), 'refs/\u{10ffff}'), prefixRange(refPrefix(last)))).toBe(true);
    expect(isIn(refKey(refPrefix(next), 'refs/a'), prefixRange(refPrefix(last)))).toBe(false);
  });

  it('refuse an id that is none', () => {
    expect(() => refPrefix('xyz')).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

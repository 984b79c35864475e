import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { HotEntries } from '../../../../../src/node/frontend/pack-cache/hot-entries.ts';
import type { EntryReader } from '../../../../../src/store/stored-entry.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { contentOf } from '../../../store/sample-blobs.ts';

/** A reader of content; `released` tells when it is done. */
function readerOf(content: Buffer, checksum = crc32(content)): EntryReader & { isReleased: boolean } {
  const times = { storedAtMs: 0, usedAtMs: 0, expiresAtMs: undefined, costMs: 0 };
  return {
    entry: { key: 'a', tag: '', sizeBytes: content.length, crc32: checksum, ...times },
    isReleased: false,
    read: async (buffer, position) => content.copy(buffer, 0, position, position + 7),
    release() {
      this.isReleased = true;
    },
  };
}

const open = (bytesMax: number) => {
  const log = recordingLog();
  const hot = new HotEntries({ bytesMax }, { log });
  /** Two hits, and whether a copy was made. */
  const heat = async (key: string, content: Buffer) => {
    for (let hit = 0; hit < 2; hit += 1) hot.noteHit(key, content.length, () => readerOf(content));
    await hot.idle;
    return hot.has(key);
  };
  return { hot, log, heat };
};

describe('copies of hot entries', () => {
  it('are made at the second hit', async () => {
    const { hot } = open(100);
    const reader = readerOf(contentOf(50));
    hot.noteHit('a', 50, () => reader);
    await hot.idle;
    expect(hot.has('a')).toBe(false);
    hot.noteHit('a', 50, () => reader);
    await hot.idle;
    expect(hot.lend('a')?.content).toEqual(contentOf(50));
    expect([hot.entries, hot.bytes, reader.isReleased]).toEqual([1, 50, true]);
  });

  it.each([
    ['larger than all may be', 100, 101],
    ['larger than one may be', 40 * 2 ** 20, 33 * 2 ** 20],
    ['empty', 100, 0],
    ['not wanted at all', 0, 1],
  ])('are not made of one that is %s', async (_, bytesMax, bytes) => {
    const { heat } = open(bytesMax);
    expect(await heat('a', Buffer.alloc(bytes))).toBe(false);
  });

  it('are not made of damaged content', async () => {
    const { hot, log } = open(100);
    const reader = readerOf(contentOf(50), 1);
    for (let hit = 0; hit < 2; hit += 1) hot.noteHit('a', 50, () => reader);
    await hot.idle;
    expect([hot.has('a'), reader.isReleased, log.lines.length]).toEqual([false, true, 1]);
  });

  it('do not come back when they were dropped while they were loaded', async () => {
    const { hot } = open(100);
    for (let hit = 0; hit < 2; hit += 1) hot.noteHit('a', 50, () => readerOf(contentOf(50)));
    hot.drop('a');
    await hot.idle;
    expect(hot.has('a')).toBe(false);
  });

  it('count while a reader has them, also when others took their place', async () => {
    const { hot, heat } = open(100);
    for (const key of ['a', 'b']) await heat(key, contentOf(50, key === 'a' ? 1 : 2));
    const [first, again, other] = [hot.lend('a'), hot.lend('a'), hot.lend('b')];
    for (const key of ['c', 'd']) expect(await heat(key, contentOf(50, 3))).toBe(true);
    expect([hot.has('a'), hot.has('b'), hot.bytes]).toEqual([false, false, 100]);
    first?.release();
    first?.release();
    expect(await heat('e', contentOf(50, 4))).toBe(false);
    expect(again?.content).toEqual(contentOf(50, 1));
    again?.release();
    expect(await heat('e', contentOf(50, 4))).toBe(true);
    expect(other?.content).toEqual(contentOf(50, 2));
  });

  it('are not made of an entry that would leave no room for another', async () => {
    const { heat } = open(100);
    expect(await heat('a', contentOf(51))).toBe(false);
    expect(await heat('a', contentOf(50))).toBe(true);
  });
});

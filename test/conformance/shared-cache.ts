import { crc32 } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SharedCache, SharedContent } from '../../src/replication/shared-cache/shared-cache.ts';
import { contentOfEntry } from '../unit/replication/shared-cache/memory-cache-node.ts';
import { bytesOf, contentOf } from '../unit/store/sample-blobs.ts';

/** A shared cache under test. */
export interface SharedCacheUnderTest {
  readonly cache: SharedCache;
  remove(): Promise<void>;
}

const options = { ttlMs: 3_600_000, tag: 'repository 1/ä' };
const keyOf = (number: number) => number.toString(16).padStart(2, '0').repeat(32);

/** Content as a frontend gives it, in pieces. */
function given(content: Buffer, pieceBytes = 70_000): SharedContent {
  const read = async function* () {
    for (let at = 0; at < content.length; at += pieceBytes) yield Buffer.from(content.subarray(at, at + pieceBytes));
  };
  return { sizeBytes: content.length, crc32: crc32(content), read };
}

/** The contract of SharedCache, for every way to the nodes. */
export function describeSharedCache(name: string, open: () => Promise<SharedCacheUnderTest>): void {
  const opened = async () => {
    const { cache, remove } = await open();
    onTestFinished(remove);
    return cache;
  };
  const { signal } = new AbortController();
  const read = async (cache: SharedCache, key: string) => {
    const entry = await cache.get(key, signal);
    return entry === undefined ? undefined : { sizeBytes: entry.sizeBytes, content: await bytesOf(entry.chunks) };
  };

  describe(`${name} as a SharedCache`, () => {
    it.each([0, 1, 200_000, 5_000_000])(
      'gives an entry of %i bytes back byte for byte, again and again',
      async (bytes) => {
        const cache = await opened();
        const content = contentOf(bytes);
        expect(await cache.put(keyOf(1), given(content), options, signal)).toBe(true);
        for (let round = 0; round < 3; round += 1) {
          const got = await read(cache, keyOf(1));
          expect([got?.sizeBytes, got?.content.equals(content)]).toEqual([bytes, true]);
        }
        expect(cache.counters).toMatchObject({ hits: 3, misses: 0, failures: 0, putsKept: 1 });
      },
    );

    it('has nothing for a key that nobody gave it', async () => {
      const cache = await opened();
      await cache.put(keyOf(1), given(contentOf(10)), options, signal);
      expect(await read(cache, keyOf(2))).toBeUndefined();
      expect(cache.counters).toMatchObject({ hits: 0, misses: 1 });
    });

    it('serves readers at once, of one entry and of several, each at its own pace', async () => {
      const cache = await opened();
      const contents = [1, 2, 3, 4].map((seed) => contentOf(700_000, seed));
      await Promise.all(contents.map((content, index) => cache.put(keyOf(index), given(content), options, signal)));
      const slow = await cache.get(keyOf(0), signal);
      const got = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map((index) => read(cache, keyOf(index))));
      expect(got.map((each, index) => each?.content.equals(contents[index % 4] ?? Buffer.alloc(0)))).toEqual(
        got.map(() => true),
      );
      expect((await contentOfEntry(slow)).equals(contents[0] ?? Buffer.alloc(0))).toBe(true);
    });

    it.each([
      { what: 'has another CRC-32', change: { crc32: 1 } },
      { what: 'is longer than was said', change: { sizeBytes: 99_999 } },
      { what: 'is shorter than was said', change: { sizeBytes: 100_001 } },
    ])('keeps nothing of an entry that $what', async ({ change }) => {
      const cache = await opened();
      expect(await cache.put(keyOf(1), { ...given(contentOf(100_000)), ...change }, options, signal)).toBe(false);
      expect(await read(cache, keyOf(1))).toBeUndefined();
      expect(cache.counters).toMatchObject({ putsKept: 0, putsFailed: 1 });
    });

    it('keeps nothing of an entry whose content cannot be read to its end', async () => {
      const cache = await opened();
      const broken = async function* () {
        yield contentOf(50_000);
        throw new Error('the file has gone');
      };
      const content = { ...given(contentOf(100_000)), read: broken };
      expect(await cache.put(keyOf(1), content, options, signal)).toBe(false);
      expect(await read(cache, keyOf(1))).toBeUndefined();
    });

    it('ends with its caller, and goes on serving others', async () => {
      const cache = await opened();
      const content = contentOf(5_000_000);
      await cache.put(keyOf(1), given(content), options, signal);
      const leaving = new AbortController();
      const entry = await cache.get(keyOf(1), leaving.signal);
      const reading = (async () => {
        for await (const _ of entry?.chunks ?? []) leaving.abort(new Error('left'));
      })();
      await expect(reading).rejects.toThrow('left');
      await expect(cache.get(keyOf(1), leaving.signal)).rejects.toThrow('left');
      expect((await read(cache, keyOf(1)))?.content.equals(content)).toBe(true);
    });

    it('lets a reader leave in the middle', async () => {
      const cache = await opened();
      await cache.put(keyOf(1), given(contentOf(5_000_000)), options, signal);
      for (let round = 0; round < 5; round += 1) {
        for await (const _ of (await cache.get(keyOf(1), signal))?.chunks ?? []) break;
      }
      expect((await read(cache, keyOf(1)))?.sizeBytes).toBe(5_000_000);
    });
  });
}

import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MiB } from '../../../../../src/base/units.ts';
import { getCacheEntry } from '../../../../../src/node/object/rpc/get-cache-entry.ts';
import { chunksOf, contentOf } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject } from '../sample-object.ts';

const key = Buffer.alloc(32, 7);

describe('GetCacheEntry', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
    node.clock.advance(20_000);
    node.cacheClock.advance(20_000);
  });
  afterEach(() => node.remove());

  const add = (content: Buffer) =>
    node.cache.put(
      { key: key.toString('hex'), sizeBytes: content.length, crc32: crc32(content), ttlMs: 60_000, tag: 'repository' },
      chunksOf(content),
    );

  it.each([0, 1, 3 * MiB])('sends what is known of the entry first, then the %d bytes', async (bytes) => {
    const content = contentOf(bytes);
    await add(content);
    const [first, ...rest] = await Array.fromAsync(getCacheEntry(node)({ key }, call));
    const value = { key, size: BigInt(bytes), ttlMs: 60_000n, contentCrc32: crc32(content), tag: 'repository' };
    expect(first).toEqual({ part: { $case: 'header', value } });
    const chunks = rest.map(({ part }) => (part?.$case === 'chunk' ? part.value : Buffer.from('no chunk')));
    expect(chunks.every(({ length }) => length <= MiB)).toBe(true);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  it('has nothing for another key', async () => {
    await add(contentOf(10));
    const get = (of: Buffer) => Array.fromAsync(getCacheEntry(node)({ key: of }, call));
    await expect(get(Buffer.alloc(32))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(get(Buffer.alloc(20))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'key' } });
  });

  it.each([1, 2])('lets go of the entry when its caller leaves after %i messages', async (count) => {
    await add(contentOf(3 * MiB));
    const { get } = node.cache;
    let released = 0;
    node.cache.get = (of) => {
      const reader = get.call(node.cache, of);
      if (reader === undefined) return undefined;
      const release = () => {
        released += 1;
        reader.release();
      };
      return { entry: reader.entry, read: (buffer, position) => reader.read(buffer, position), release };
    };
    let seen = 0;
    for await (const _ of getCacheEntry(node)({ key }, call)) {
      seen += 1;
      if (seen === count) break;
    }
    expect(released).toBeGreaterThan(0);
  });
});

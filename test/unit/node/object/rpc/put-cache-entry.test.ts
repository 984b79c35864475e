import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MiB } from '../../../../../src/base/units.ts';
import { putCacheEntry } from '../../../../../src/node/object/rpc/put-cache-entry.ts';
import type { PutCacheEntryRequest } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject, streamOf } from '../sample-object.ts';

const content = contentOf(1_000);
const key = Buffer.alloc(32, 7);

function header(changes: Record<string, unknown> = {}): PutCacheEntryRequest {
  const value = { key, size: 1_000n, contentCrc32: crc32(content), ttlMs: 60_000n, tag: 'repository', ...changes };
  return { part: { $case: 'header', value } };
}

function chunk(value: Buffer): PutCacheEntryRequest {
  return { part: { $case: 'chunk', value } };
}

describe('PutCacheEntry', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const put = (...parts: PutCacheEntryRequest[]) => putCacheEntry(node)(streamOf(...parts), call);

  it('stores what comes in chunks, with what was said of it', async () => {
    const parts = [header(), chunk(content.subarray(0, 300)), chunk(content.subarray(300))];
    expect(await put(...parts)).toEqual({ kept: true });
    const reader = node.cache.get(key.toString('hex'));
    expect(reader?.entry).toMatchObject({ sizeBytes: 1_000, crc32: crc32(content), tag: 'repository' });
    expect(reader?.entry.expiresAtMs).toBe(node.cacheClock.nowMs() + 60_000);
    reader?.release();
  });

  it('reads no chunk of an entry that is not kept', async () => {
    let read = 0;
    const requests = async function* () {
      yield header({ size: BigInt(60 * MiB) });
      read += 1;
      yield chunk(content);
    };
    expect(await putCacheEntry(node)(requests(), call)).toEqual({ kept: false });
    expect(read).toBe(0);
  });

  const nothing: PutCacheEntryRequest = { part: undefined };
  it.each([
    { fault: 'nothing at all', parts: [], field: 'part' },
    { fault: 'a chunk before the header', parts: [chunk(content), header()], field: 'part' },
    { fault: 'a second header', parts: [header(), chunk(content), header()], field: 'part' },
    { fault: 'an empty message among the chunks', parts: [header(), nothing], field: 'part' },
    { fault: 'a key of 31 bytes', parts: [header({ key: Buffer.alloc(31) })], field: 'header.key' },
    { fault: 'a size beyond counting', parts: [header({ size: 2n ** 64n - 1n })], field: 'header.size' },
    { fault: 'a year to live', parts: [header({ ttlMs: 31_536_000_000n })], field: 'header.ttl_ms' },
    { fault: 'a tag of 130 bytes', parts: [header({ tag: 'ä'.repeat(65) })], field: 'header.tag' },
    { fault: 'a size that is too small', parts: [header({ size: 999n }), chunk(content)], field: 'size' },
    { fault: 'a size that is too large', parts: [header({ size: 1_001n }), chunk(content)], field: 'size' },
    { fault: 'a chunk above 1 MiB', parts: [header(), chunk(Buffer.alloc(MiB + 1))], field: 'chunk' },
  ])('refuses $fault and names the field', async ({ parts, field }) => {
    const details = expect.objectContaining({ field });
    await expect(put(...parts)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details });
    expect(node.cache.stats.entries).toBe(0);
  });

  it('refuses content with another CRC-32', async () => {
    await expect(put(header(), chunk(contentOf(1_000, 2)))).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(node.cache.stats.entries).toBe(0);
  });

  it('ends with a caller who goes away', async () => {
    const leaving = new AbortController();
    const requests = async function* () {
      yield header();
      leaving.abort(new Error('left'));
      yield chunk(content);
    };
    const putting = putCacheEntry(node)(requests(), { ...call, signal: leaving.signal });
    await expect(putting).rejects.toThrow('left');
    expect(node.cache.stats.entries).toBe(0);
  });
});

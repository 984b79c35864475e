import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { cacheAnswerChecksum, cacheRequestChecksum } from '../../../../../src/rpc/cache-http.ts';
import type { EntryReader } from '../../../../../src/store/entry-folder.ts';
import { chunksOf, contentOf } from '../../../store/sample-blobs.ts';
import { openDescriptors, type SampleListener, sampleListener, time } from './sample-listener.ts';

const key = '5e'.repeat(32);
const path = `/cache/${key}`;
const checksum = cacheRequestChecksum({ method: 'GET', path }, time);

describe('GET of a cache entry', () => {
  let listener: SampleListener;

  beforeEach(async () => {
    listener = await sampleListener();
  });
  afterEach(() => listener.stop());

  const add = async (content: Buffer) => {
    const entry = { key, sizeBytes: content.length, crc32: crc32(content), ttlMs: 60_000, tag: 'repository' };
    expect(await listener.node.cache.put(entry, chunksOf(content))).toBe(true);
  };
  const get = (headers: Record<string, string> = {}) =>
    listener.ask('GET', path, { ...time, 'stratum-checksum': checksum, ...headers });
  const say = () =>
    listener.say(
      `GET ${path} HTTP/1.1\r\nhost: x\r\nstratum-timeout-ms: 10000\r\nstratum-checksum: ${checksum}\r\n\r\n`,
    );
  /** A reader of which it is seen that it was released. */
  const scripted = (sizeBytes: number, read: EntryReader['read']) => {
    let released = 0;
    const entry = { key, sizeBytes, crc32: 0, storedAtMs: 0, usedAtMs: 0, expiresAtMs: undefined, costMs: 0, tag: '' };
    const release = () => {
      released += 1;
    };
    listener.node.cache.get = () => ({ entry, read, release });
    return { isReleased: () => released > 0 };
  };

  it.each([0, 1, 524_288, 524_289, 3_000_000])('gives %i bytes with their length and CRC-32', async (bytes) => {
    const content = contentOf(bytes);
    await add(content);
    const { status, headers, body } = await get();
    const facts = { 'stratum-size': `${bytes}`, 'stratum-content-crc32': `${crc32(content)}` };
    expect([status, headers]).toMatchObject([200, { ...facts, 'content-length': `${bytes}` }]);
    expect(headers['stratum-checksum']).toBe(cacheAnswerChecksum({ method: 'GET', path }, facts));
    expect(body.equals(content)).toBe(true);
  });

  it('gives whole entries to many callers at once', async () => {
    const content = contentOf(2_000_000);
    await add(content);
    const got = await Promise.all(Array.from({ length: 12 }, () => get()));
    expect(got.map(({ body }) => body.equals(content))).toEqual(got.map(() => true));
  });

  it('has nothing for another key, or when its time is over', async () => {
    expect(await get()).toMatchObject({ status: 404, error: { code: 'NOT_FOUND', details: { id: key } } });
    await add(contentOf(10));
    listener.node.cacheClock.advance(60_000);
    expect(await get()).toMatchObject({ status: 404 });
  });

  it('refuses a request that is not as it was sent', async () => {
    await add(contentOf(10));
    const details = { field: 'stratum-checksum' };
    expect(await get({ 'stratum-timeout-ms': '10001' })).toMatchObject({ status: 400, error: { details } });
  });

  it('answers with the error of an entry of which nothing can be read', async () => {
    const { isReleased } = scripted(10, async () => {
      throw new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: key, expected: '', got: '' });
    });
    expect(await get()).toMatchObject({ status: 500, error: { code: 'CHECKSUM_MISMATCH' } });
    expect(isReleased()).toBe(true);
  });

  it.each([
    {
      what: 'is found to be damaged',
      last: async () => {
        throw new StratumError('CHECKSUM_MISMATCH', 'rot', { oid: key, expected: '', got: '' });
      },
    },
    { what: 'ends too early', last: async () => 0 },
  ])('breaks the connection off when an entry $what in mid-stream', async ({ last }) => {
    const { isReleased } = scripted(1_000, async (_, position) => (position === 0 ? 500 : await last()));
    // Whether the head is still heard is chance.
    expect((await say().closed).length).toBeLessThan(1_000);
    expect(isReleased()).toBe(true);
  });

  it('reads no more than two pieces ahead of a slow caller, and lets go of the entry when the caller leaves', async () => {
    let readBytes = 0;
    const { isReleased } = scripted(10_000_000_000, async (buffer) => {
      readBytes += buffer.length;
      return buffer.length;
    });
    const caller = say();
    await caller.answered;
    caller.end();
    await expect.poll(isReleased, { timeout: 5_000 }).toBe(true);
    expect(readBytes).toBeLessThan(1_000_000_000);
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(0);
  });

  it('keeps nothing open of callers who leave in the middle', async () => {
    await add(contentOf(10_000_000));
    await get();
    const before = await openDescriptors();
    const callers = Array.from({ length: 20 }, say);
    await Promise.all(callers.map(({ answered }) => answered));
    for (const caller of callers) caller.end();
    await expect.poll(openDescriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
    expect((await get()).body.length).toBe(10_000_000);
  });
});

import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheRequestChecksum } from '../../../../../src/rpc/cache-http.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { openDescriptors, type SampleListener, sampleListener, time } from './sample-listener.ts';

const content = contentOf(300_000);
const key = '5e'.repeat(32);
const path = `/cache/${key}`;
const said = {
  ...time,
  'content-length': '300000',
  'stratum-content-crc32': `${crc32(content)}`,
  'stratum-ttl-ms': '60000',
  'stratum-tag': 'repository%201',
};

describe('PUT of a cache entry', () => {
  let listener: SampleListener;

  beforeEach(async () => {
    listener = await sampleListener();
  });
  afterEach(() => listener.stop());

  const signed = (headers: Record<string, string>, to = path) => ({
    ...headers,
    'stratum-checksum': cacheRequestChecksum({ method: 'PUT', path: to }, headers),
  });
  const put = (body: Buffer, headers: Record<string, string> = said, to = path) =>
    listener.ask('PUT', to, signed(headers, to), body);
  const headOf = (headers: Record<string, string>) => {
    const lines = Object.entries({ host: 'x', ...signed(headers) }).map(([name, value]) => `${name}: ${value}\r\n`);
    return `PUT ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  };
  const stored = () => listener.node.cache.stats.entries;

  it('stores the body with what was said of it', async () => {
    expect(await put(content)).toMatchObject({ status: 200, headers: { 'stratum-kept': 'true' } });
    const reader = listener.node.cache.get(key);
    const { cacheClock } = listener.node;
    expect(reader?.entry).toMatchObject({
      ...{ key, sizeBytes: 300_000, crc32: crc32(content), tag: 'repository 1' },
      expiresAtMs: cacheClock.nowMs() + 60_000,
    });
    reader?.release();
  });

  it('asks a caller for the content that waits to be asked, and one whose entry is not kept for nothing', async () => {
    const waiting = { ...said, expect: '100-continue' };
    const asked = listener.say(headOf(waiting));
    await asked.answered;
    asked.end();
    expect(await asked.closed).toMatch(/^HTTP\/1\.1 100 /);
    const refused = listener.say(headOf({ ...waiting, 'content-length': '100000000' }));
    await refused.answered;
    refused.end();
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 200 [\s\S]*stratum-kept: false/);
  });

  it.each([
    { fault: 'a key of 63 digits', to: path.slice(0, -1), field: 'key' },
    { fault: 'a key in capitals', to: `/cache/${key.toUpperCase()}`, field: 'key' },
    { fault: 'a path above the entries', to: `/cache/../${key}`, field: 'key' },
    { fault: 'no CRC-32', change: { 'stratum-content-crc32': '' }, field: 'stratum-content-crc32' },
    { fault: 'a CRC-32 of 33 bits', change: { 'stratum-content-crc32': `${2 ** 32}` }, field: 'stratum-content-crc32' },
    { fault: 'no time to live', change: { 'stratum-ttl-ms': '' }, field: 'stratum-ttl-ms' },
    { fault: 'a year to live', change: { 'stratum-ttl-ms': '31536000000' }, field: 'stratum-ttl-ms' },
    { fault: 'a tag that is not encoded', change: { 'stratum-tag': '%zz' }, field: 'stratum-tag' },
    { fault: 'a tag of 129 bytes', change: { 'stratum-tag': 'x'.repeat(129) }, field: 'stratum-tag' },
    { fault: 'no deadline', change: { 'stratum-timeout-ms': '' }, field: 'stratum-timeout-ms' },
  ])('refuses $fault and names the field', async ({ to = path, change = {}, field }) => {
    const { status, error } = await put(content, { ...said, ...change }, to);
    expect([status, error]).toMatchObject([400, { code: 'INVALID_ARGUMENT', details: { field } }]);
    expect(stored()).toBe(0);
  });

  it.each(['content-length', 'expect', 'stratum-content-crc32', 'stratum-ttl-ms', 'stratum-tag', 'stratum-timeout-ms'])(
    'refuses a request whose %s is not as it was sent',
    async (name) => {
      const headers = { ...signed(said), [name]: name === 'expect' ? '100-continue' : '299999' };
      const { status, error } = await listener.ask('PUT', path, headers, content);
      expect([status, error]).toMatchObject([400, { details: { field: 'stratum-checksum' } }]);
      expect(stored()).toBe(0);
    },
  );

  it('refuses a request for a blob’s checksum, and one whose key is not as it was sent', async () => {
    expect(await listener.ask('PUT', path, said, content)).toMatchObject({ status: 400 });
    expect(await listener.ask('PUT', `/cache/${'00'.repeat(32)}`, signed(said), content)).toMatchObject({
      status: 400,
    });
    expect(stored()).toBe(0);
  });

  it('keeps nothing of content with another CRC-32', async () => {
    const other = contentOf(300_000, 2);
    expect(await put(other)).toMatchObject({ status: 500, error: { code: 'CHECKSUM_MISMATCH' } });
    expect(stored()).toBe(0);
  });

  it('has nothing left of callers who stop in mid-stream', async () => {
    const before = await openDescriptors();
    const callers = Array.from({ length: 20 }, () => listener.say(headOf(said) + 'x'.repeat(1_000)));
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBeGreaterThan(0);
    for (const caller of callers) caller.end();
    await expect.poll(openDescriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
    expect([stored(), listener.node.clock.pendingTimers()]).toEqual([0, 0]);
  });

  it('stops at the deadline that it was given', async () => {
    const caller = listener.say(headOf(said) + 'x'.repeat(1_000));
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(1);
    listener.node.clock.advance(10_000);
    expect(await caller.closed).toBe('');
    expect(stored()).toBe(0);
  });
});

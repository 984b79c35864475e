import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { oidOf } from '../../../../../src/base/oid.ts';
import { requestChecksum } from '../../../../../src/rpc/blob-http.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { fenced, headOf, openDescriptors, type SampleListener, sampleListener } from './sample-listener.ts';

const content = contentOf(300_000);
const oid = oidOf(content);
const path = `/blobs/${oid}`;

describe('PUT of a blob', () => {
  let listener: SampleListener;

  beforeEach(async () => {
    listener = await sampleListener();
  });
  afterEach(() => listener.stop());

  const put = (body: Buffer, headers: Record<string, string> = fenced, to = path) =>
    listener.ask('PUT', to, { 'content-length': `${body.length}`, ...headers }, body);

  it.each([0, 1, 300_000])('stores %i bytes, and says whether they were there', async (bytes) => {
    const blob = contentOf(bytes);
    const to = `/blobs/${oidOf(blob)}`;
    expect(await put(blob, fenced, to)).toMatchObject({ status: 200, headers: { 'stratum-existed': 'false' } });
    expect(await put(blob, fenced, to)).toMatchObject({ status: 200, headers: { 'stratum-existed': 'true' } });
    expect(await listener.node.store.verify(oidOf(blob))).toBe('PRESENT');
  });

  it.each([
    { fault: 'an id of 63 digits', to: `/blobs/${oid.slice(1)}`, field: 'oid' },
    { fault: 'an id of 65 digits', to: `/blobs/${oid}0`, field: 'oid' },
    { fault: 'an id in capitals', to: `/blobs/${oid.toUpperCase()}`, field: 'oid' },
    { fault: 'a path above the blobs', to: `/blobs/../${oid}`, field: 'oid' },
    { fault: 'no term', change: { 'stratum-term': '' }, field: 'stratum-term' },
    { fault: 'a term of 65 bits', change: { 'stratum-term': `${2n ** 64n}` }, field: 'stratum-term' },
    { fault: 'a ring epoch that is no number', change: { 'stratum-ring-epoch': '-1' }, field: 'stratum-ring-epoch' },
    { fault: 'no deadline', change: { 'stratum-timeout-ms': '' }, field: 'stratum-timeout-ms' },
    { fault: 'a deadline of two days', change: { 'stratum-timeout-ms': '172800000' }, field: 'stratum-timeout-ms' },
  ])('refuses $fault and names the field', async ({ to = path, change = {}, field }) => {
    const { status, error } = await put(content, { ...fenced, ...change }, to);
    expect([status, error]).toMatchObject([400, { code: 'INVALID_ARGUMENT', details: { field } }]);
    expect(await listener.node.store.stats()).toMatchObject({ blobCount: 0 });
  });

  it.each([
    { fault: 'no checksum', change: { 'stratum-checksum': '' } },
    { fault: 'the checksum of another request', change: { 'stratum-checksum': '00000000' } },
  ])('refuses $fault', async ({ change }) => {
    const { status, error } = await put(content, { ...fenced, ...change });
    expect([status, error]).toMatchObject([400, { code: 'INVALID_ARGUMENT', details: { field: 'stratum-checksum' } }]);
  });

  it.each([
    ['stratum-term', '7'],
    ['stratum-ring-epoch', '6'],
    ['stratum-timeout-ms', '10001'],
    ['content-length', '300001'],
    ['expect', '100-continue'],
  ])('believes nothing of a request whose %s was changed on its way', async (name, value) => {
    const sent = { 'content-length': '300000', ...fenced };
    const checksum = requestChecksum({ method: 'PUT', path }, sent);
    const changed = { ...sent, [name]: value, 'stratum-checksum': checksum };
    const { error } = await listener.ask('PUT', path, changed, Buffer.alloc(0));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'stratum-checksum' } });
    expect(listener.node.fence.highest).toEqual({ term: 0n, ringEpoch: 0n });
  });

  it('believes nothing of a request whose id was changed on its way', async () => {
    const checksum = requestChecksum({ method: 'PUT', path: `/blobs/${oidOf(contentOf(1))}` }, fenced);
    const { error } = await put(content, { ...fenced, 'stratum-checksum': checksum });
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'stratum-checksum' } });
  });

  it('refuses a body without a length', async () => {
    const { error } = await listener.ask('PUT', path, { ...fenced, 'transfer-encoding': 'chunked' }, content);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'content-length' } });
    expect(await listener.node.store.presence(oid)).toBe('MISSING');
  });

  it('refuses content that does not hash to its id, and keeps nothing of it', async () => {
    const { status, error } = await put(contentOf(300_000, 2));
    expect([status, error]).toMatchObject([500, { code: 'CHECKSUM_MISMATCH', details: { expected: oid } }]);
    expect(await listener.node.store.presence(oid)).toBe('MISSING');
  });

  it('refuses a fence that is behind, before the caller has sent anything', async () => {
    await listener.node.fence.raise({ term: 9n, ringEpoch: 9n });
    const head = headOf('PUT', path, { 'content-length': '300000', expect: '100-continue', ...fenced });
    const said = await listener.say(head).closed;
    expect(said).toMatch(/^HTTP\/1\.1 400 [\s\S]*STALE_TERM/);
  });

  it('takes what comes after the announced length for no part of the blob', async () => {
    const head = headOf('PUT', path, { 'content-length': `${content.length}`, ...fenced });
    await listener.say(Buffer.concat([Buffer.from(head), content, Buffer.from('and some more\r\n\r\n')])).closed;
    // The connection is given up at once; the request that it carried may still be putting its fence on disk.
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(0);
    // The connection is given up at the bytes that are no request; the blob before them is whole, or not there.
    expect(['PRESENT', 'MISSING']).toContain(await listener.node.store.verify(oid));
  });

  it('ends with the deadline of a caller who sends too slowly, and keeps nothing', async () => {
    const { closed } = listener.say(`${headOf('PUT', path, { 'content-length': '300000', ...fenced })}slow`);
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBeGreaterThan(0);
    listener.node.clock.advance(10_000);
    await closed;
    expect(await listener.node.store.presence(oid)).toBe('MISSING');
  });

  it('answers with the refusal of the store a caller who has fallen silent', async () => {
    vi.spyOn(listener.node.store, 'put').mockImplementation(async (_oid, _size, chunks) => {
      const iterator = chunks[Symbol.asyncIterator]();
      await iterator.next();
      iterator.next().catch(() => undefined);
      throw new StratumError('DEADLINE_EXCEEDED', 'nothing comes', { endpoint: 'the caller' });
    });
    const { answered, closed } = listener.say(`${headOf('PUT', path, { 'content-length': '300000', ...fenced })}slow`);
    await answered;
    listener.node.clock.advance(10_000);
    expect(await closed).toContain('nothing comes');
    expect(listener.node.clock.pendingTimers()).toBe(0);
  });

  it('leaks no descriptor to callers who stop in mid-stream', async () => {
    const before = await openDescriptors();
    const head = headOf('PUT', path, { 'content-length': '300000', ...fenced });
    const callers = Array.from({ length: 50 }, () => listener.say(head + 'x'.repeat(1_000)));
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(50);
    for (const caller of callers) caller.end();
    await expect.poll(openDescriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
    expect(listener.node.clock.pendingTimers()).toBe(0);
    expect(await listener.node.store.stats()).toMatchObject({ blobCount: 0 });
  });
});

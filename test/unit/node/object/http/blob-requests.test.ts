import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentOf } from '../../../store/sample-blobs.ts';
import { fenced, openDescriptors, type SampleListener, sampleListener, time } from './sample-listener.ts';

describe('the requests for blobs', () => {
  let listener: SampleListener;

  beforeEach(async () => {
    listener = await sampleListener();
  });
  afterEach(() => listener.stop());

  it.each(['/', '/blobs', '/metrics', '//blobs/', '*'])('have nothing at %s', async (path) => {
    expect(await listener.ask('GET', path, time)).toMatchObject({ status: 404, error: { code: 'NOT_FOUND' } });
  });

  it.each(['POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])('refuse %s', async (method) => {
    const { status } = await listener.ask(method, `/blobs/${'0'.repeat(64)}`, time).catch(() => ({ status: 400 }));
    expect(status).toBe(400);
  });

  it.each([
    ['more than 8 KiB of headers', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['what is no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
  ])('close a connection that sends %s', async (_, text, said) => {
    expect(await listener.say(text).closed).toMatch(said);
  });

  it('close a connection that sends a request before it has the last answer', async () => {
    const oid = await listener.node.add(contentOf(100_000));
    const request = `GET /blobs/${oid} HTTP/1.1\r\nhost: x\r\nstratum-timeout-ms: 1000\r\n\r\n`;
    await listener.say(request.repeat(100)).closed;
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(0);
  });

  it('lets a caller who is refused read the answer before its connection is closed', async () => {
    const lines = Object.entries(fenced).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `PUT /blobs/none HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n${lines.join('')}\r\n`;
    const caller = listener.say(Buffer.concat([Buffer.from(head), Buffer.alloc(1_000_000)]));
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(1);
    listener.node.clock.advance(5_000);
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 400 [\s\S]*INVALID_ARGUMENT/);
  });

  it('keep nothing open of a hundred callers who connect and leave', async () => {
    const before = await openDescriptors();
    for (const caller of Array.from({ length: 100 }, () => listener.say('PR'))) caller.end();
    await expect.poll(openDescriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
  });
});

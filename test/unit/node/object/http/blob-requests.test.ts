import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { contentOf } from '../../../store/sample-blobs.ts';
import { fenced, headOf, openDescriptors, type SampleListener, sampleListener, time } from './sample-listener.ts';

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
    await listener.say(headOf('GET', `/blobs/${oid}`, time).repeat(100)).closed;
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(0);
  });

  it('lets a caller who is refused read the answer before its connection is closed', async () => {
    const head = headOf('PUT', '/blobs/none', { 'content-length': '10000000', ...fenced });
    const caller = listener.say(Buffer.concat([Buffer.from(head), Buffer.alloc(1_000_000)]));
    await expect.poll(() => listener.node.clock.pendingTimers(), { timeout: 5_000 }).toBe(1);
    listener.node.clock.advance(5_000);
    expect(await caller.closed).toMatch(/^HTTP\/1\.1 400 [\s\S]*INVALID_ARGUMENT/);
  });

  it('refuse connections beyond their bound, and take others when those have gone', async () => {
    const bounded = await sampleListener({ connectionsMax: 2 });
    onTestFinished(() => bounded.stop());
    const oid = await bounded.node.add(contentOf(100));
    const get = headOf('GET', `/blobs/${oid}`, time);
    const kept = await Promise.all(
      [bounded.say(get), bounded.say(get)].map(async (caller) => {
        await caller.answered;
        return caller;
      }),
    );
    expect(await bounded.ask('GET', `/blobs/${oid}`, time)).toMatchObject({
      status: 429,
      error: { code: 'OVERLOADED' },
    });
    for (const caller of kept) caller.end();
    await expect
      .poll(() => bounded.ask('GET', `/blobs/${oid}`, time), { timeout: 5_000 })
      .toMatchObject({ status: 200 });
  });

  it('keep nothing open of a hundred callers who connect and leave', async () => {
    const before = await openDescriptors();
    for (const caller of Array.from({ length: 100 }, () => listener.say('PR'))) caller.end();
    await expect.poll(openDescriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before);
  });
});

import { once } from 'node:events';
import { createServer, type IncomingMessage, request as startRequest } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KiB, MiB } from '../../../../../src/base/units.ts';
import { BodyChunks } from '../../../../../src/node/object/http/body-chunks.ts';
import { contentOf } from '../../../store/sample-blobs.ts';

/** A request as its server sees it, and the client's side of it. */
async function received(bytes: number) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  const sent = startRequest({ port, host: '127.0.0.1', method: 'PUT', headers: { 'content-length': bytes } });
  sent.on('error', () => undefined);
  sent.flushHeaders();
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  onTestFinished(() => {
    sent.destroy();
    server.close();
  });
  return { request, sent };
}

describe('BodyChunks', () => {
  it.each([0, 1, 5 * MiB])('gives a body of %i bytes as it was sent', async (bytes) => {
    const content = contentOf(bytes);
    const { request, sent } = await received(bytes);
    sent.end(content);
    const got = await Array.fromAsync(new BodyChunks(request));
    expect(Buffer.concat(got).equals(content)).toBe(true);
  });

  it('holds a caller back whose bytes nobody takes', async () => {
    const { request, sent } = await received(64 * MiB);
    const chunks = new BodyChunks(request);
    sent.end(Buffer.alloc(64 * MiB));
    await expect.poll(() => request.isPaused()).toBe(true);
    let waiting = 0;
    for (let got = await chunks.next(); request.isPaused(); got = await chunks.next())
      waiting += got.value?.length ?? 0;
    expect(waiting).toBeLessThan(600 * KiB);
    let rest = 0;
    for await (const chunk of chunks) rest += chunk.length;
    expect(waiting + rest).toBeGreaterThan(63 * MiB);
  });

  it('fails when the caller goes away in the middle', async () => {
    const { request, sent } = await received(100);
    request.on('error', () => undefined);
    const chunks = new BodyChunks(request);
    sent.write('half');
    expect((await chunks.next()).value?.toString()).toBe('half');
    sent.destroy();
    await expect(chunks.next()).rejects.toThrow();
  });

  it('leaves the rest of the body alone when it is ended early', async () => {
    const { request, sent } = await received(8);
    const chunks = new BodyChunks(request);
    sent.write('half');
    await chunks.next();
    await chunks.return();
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
    expect([request.destroyed, request.isPaused()]).toEqual([false, true]);
    sent.end('rest');
    request.resume();
    await once(request, 'end');
  });
});

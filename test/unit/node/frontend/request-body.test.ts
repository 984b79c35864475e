import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { endResponse, readBody, readSmallBody } from '../../../../src/node/frontend/request-body.ts';
import { head, openSocket, rawRequest, readAnswer } from './raw-http.ts';

let server: Server | undefined;
afterEach(() => server?.close());

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<Buffer>;

/** A server whose handler's bytes, or error code, are the answer. */
async function serve(handler: Handler): Promise<string> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    handler(request, response).then(
      (bytes) => endResponse(response, bytes),
      (error) => endResponse(response, Buffer.from(`${error.code}: ${error.message}`)),
    );
  };
  server = createServer(answer).on('checkContinue', answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const echo =
  (bytesMax: number): Handler =>
  (request, response) =>
    readSmallBody(request, response, { bytesMax });
const post = (body: Buffer, headers: Record<string, string | number> = {}) =>
  Buffer.concat([Buffer.from(head('POST', '/', { 'Content-Length': body.length, ...headers })), body]);

describe('readBody', () => {
  const text = Buffer.from('some text '.repeat(100));

  it.each([
    ['identity', text],
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
  ])('reads a body in %s', async (encoding, body) => {
    const answer = await rawRequest(await serve(echo(10_000)), post(body, { 'Content-Encoding': encoding }));
    expect(answer.body).toEqual(text);
  });

  it('reads a body in chunks', async () => {
    const request = `${head('POST', '/', { 'Transfer-Encoding': 'chunked' })}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`;
    expect((await rawRequest(await serve(echo(100)), request)).body.toString()).toBe('abcde');
  });

  it.each([
    ['an announced length', {}, text, 'TOO_LARGE'],
    ['what comes out of a bomb', { 'Content-Encoding': 'gzip' }, gzipSync(Buffer.alloc(1_000_000)), 'TOO_LARGE'],
    ['an unknown encoding', { 'Content-Encoding': 'br' }, text, 'INVALID_ARGUMENT'],
    ['broken gzip', { 'Content-Encoding': 'gzip' }, text, 'PROTOCOL_ERROR'],
    ['truncated gzip', { 'Content-Encoding': 'gzip' }, gzipSync(text).subarray(0, 20), 'PROTOCOL_ERROR'],
  ])('refuses %s', async (_, headers, body, code) => {
    const limit = code === 'TOO_LARGE' ? 500 : 10_000;
    const answer = await rawRequest(await serve(echo(limit)), post(body as Buffer, headers as Record<string, string>));
    expect(answer.body.toString()).toMatch(new RegExp(`^${code}`));
  });

  it('asks for the body only when it wants it', async () => {
    const wanting = openSocket(await serve(echo(100)));
    wanting.write(head('POST', '/', { 'Content-Length': 2, Expect: '100-continue' }));
    const [invitation] = await once(wanting, 'data');
    expect(String(invitation)).toMatch(/^HTTP\/1.1 100 /);
    wanting.write('ok');
    expect((await readAnswer(wanting)).body.toString()).toBe('ok');
    server?.close();
    const refusing = await serve(echo(1));
    const request = head('POST', '/', { Connection: 'keep-alive', 'Content-Length': 2, Expect: '100-continue' });
    const refused = await rawRequest(refusing, request);
    expect(refused.body.toString()).toMatch(/^TOO_LARGE/);
    expect(refused.headers.connection).toBe('close');
  });

  it('tells a client that went away from a body that ended', async () => {
    const seen = Promise.withResolvers<unknown>();
    const url = await serve(async (request, response) => {
      try {
        return await readSmallBody(request, response, { bytesMax: 100 });
      } catch (error) {
        seen.resolve(error);
        throw error;
      }
    });
    const socket = openSocket(url);
    socket.write(`${head('POST', '/', { 'Content-Length': 10 })}half`, () => socket.destroy());
    expect(await seen.promise).toMatchObject({ code: 'CANCELLED' });
  });
});

describe('endResponse', () => {
  it('lets a sender finish that was answered after its first bytes', async () => {
    const url = await serve(async (request, response) => {
      for await (const chunk of readBody(request, response, { bytesMax: 1e9 })) return chunk.subarray(0, 3);
      return Buffer.from('none');
    });
    const socket = openSocket(url);
    const answer = readAnswer(socket);
    socket.write(head('POST', '/', { 'Content-Length': 20_000_000 }));
    for (let sent = 0; sent < 20_000_000; sent += 1_000_000) socket.write(Buffer.alloc(1_000_000, 'x'));
    expect((await answer).body.toString()).toBe('xxx');
  });

  it('lets a sender of gzip finish too', async () => {
    const url = await serve(async (request, response) => {
      for await (const chunk of readBody(request, response, { bytesMax: 1e9 })) return chunk.subarray(0, 3);
      return Buffer.from('none');
    });
    const body = gzipSync(Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * at) % 255)), { level: 0 });
    expect((await rawRequest(url, post(body, { 'Content-Encoding': 'gzip' }))).body).toHaveLength(3);
  });
});

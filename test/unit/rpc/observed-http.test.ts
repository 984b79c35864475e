import { createServer, request as startRequest } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { blobHeaders, toHttpError } from '../../../src/rpc/blob-http.ts';
import { observedHttp } from '../../../src/rpc/observed-http.ts';
import type { ServedCall } from '../../../src/rpc/observed-service.ts';

const full = new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n });
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What an observer is told of one request that is answered so. */
async function told(line: string, serve: Parameters<typeof observedHttp>[0], leave = false) {
  const [method, path = `/blobs/${'a'.repeat(64)}`] = line.split(' ');
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const calls: ServedCall[] = [];
  const observer = {
    serving(call: ServedCall) {
      calls.push(call);
      return { ended: resolve };
    },
  };
  const server = createServer(observedHttp(serve, [observer]));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  const request = startRequest({
    port: bound.port,
    host: '127.0.0.1',
    method,
    path,
    agent: false,
    headers: { traceparent },
  });
  const body = new Promise<string>((done) => {
    request.on('error', () => done('broken'));
    request.on('response', async (response) => {
      if (leave) request.destroy();
      const chunks = await Array.fromAsync(response).catch(() => []);
      done(Buffer.concat(chunks).toString('latin1'));
    });
  });
  request.end();
  return { code: await ended, body: await body, call: calls[0] };
}

describe('observedHttp', () => {
  it.each([
    ['GET', 'GetBlob'],
    ['PUT', 'PutBlob'],
    ['DELETE', 'unknown'],
    [`GET /cache/${'a'.repeat(64)}`, 'GetCacheEntry'],
    [`PUT /cache/${'a'.repeat(64)}`, 'PutCacheEntry'],
    ['GET /elsewhere', 'unknown'],
  ])('tells of a %s that was answered as of %s, with the caller’s place in a trace', async (method, name) => {
    const { code, body, call } = await told(method, (_, response) => {
      response.writeHead(200);
      response.write('con');
      response.end('tent');
    });
    expect([code, body]).toEqual(['OK', 'content']);
    expect(call).toEqual({ method: name, isBidirectional: false, traceparent });
  });

  it('tells the code of an error that is the answer, and passes it on', async () => {
    const { status, body } = toHttpError(full);
    const { code, body: got } = await told('GET', (_, response) => {
      response.writeHead(status, { 'content-length': body.length });
      response.end(body);
    });
    expect([code, got]).toEqual(['DISK_FULL', body.toString('latin1')]);
  });

  it('tells the code of an error that comes after the content', async () => {
    const { code } = await told('GET', (_, response) => {
      response.writeHead(200, { trailer: blobHeaders.error });
      response.write('half');
      response.addTrailers({ [blobHeaders.error]: toHttpError(full).body.toString('base64') });
      response.end();
    });
    expect(code).toBe('DISK_FULL');
  });

  it('tells of a caller who goes away', async () => {
    const hanging: Parameters<typeof observedHttp>[0] = (_, response) => void response.write('half');
    expect(await told('GET', hanging, true)).toMatchObject({ code: 'CANCELLED' });
  });

  it('is the listener itself when nobody observes', () => {
    const serve = () => undefined;
    expect(observedHttp(serve, [])).toBe(serve);
  });
});

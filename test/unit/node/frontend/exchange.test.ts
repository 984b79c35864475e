import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Exchange } from '../../../../src/node/frontend/exchange.ts';
import { head, openSocket, rawRequest } from './raw-http.ts';

let server: Server | undefined;
afterEach(() => server?.close());

async function serve(handler: (exchange: Exchange) => void, stopping = new AbortController().signal): Promise<string> {
  server = createServer((request, response) => handler(new Exchange(request, response, stopping)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('Exchange', () => {
  it.each([
    [undefined, 0],
    ['version=1', 1],
    ['version=2', 2],
    ['version=0:version=2', 2],
    ['x=y:version=1', 1],
    ['version=22', 0],
  ])('reads Git-Protocol %s as version %i', async (header, version) => {
    const url = await serve((exchange) => void exchange.answer('text/x', [Buffer.from(`${exchange.protocolVersion}`)]));
    const answer = await rawRequest(url, head('GET', '/', header === undefined ? {} : { 'Git-Protocol': header }));
    expect(answer.body.toString()).toBe(`${version}`);
  });

  it('aborts when the client goes away, and not when the response ends', async () => {
    const seen = Promise.withResolvers<Exchange>();
    const url = await serve((exchange) => {
      exchange.begin('text/x');
      exchange.begin('text/other');
      exchange.offer(Buffer.from('x'));
      seen.resolve(exchange);
    });
    const socket = openSocket(url);
    socket.write(head('GET', '/'));
    await once(socket, 'data');
    const exchange = await seen.promise;
    expect(exchange.begun).toBe(true);
    socket.destroy();
    await once(exchange.signal, 'abort');
    await expect(exchange.write(Buffer.from('y'))).rejects.toMatchObject({ code: 'CANCELLED' });
    const ended = Promise.withResolvers<Exchange>();
    server?.close();
    const second = await serve((each) => {
      each.answer('text/x', [Buffer.from('whole')]).then(() => ended.resolve(each), ended.reject);
    });
    expect((await rawRequest(second, head('GET', '/'))).body.toString()).toBe('whole');
    expect((await ended.promise).signal.aborted).toBe(false);
  });

  it('a write waits for a client that does not read, until it goes away', async () => {
    const outcome = Promise.withResolvers<unknown>();
    const url = await serve((exchange) => {
      exchange.begin('text/x');
      const fill = async () => {
        for (;;) await exchange.write(Buffer.alloc(1_000_000));
      };
      fill().catch(outcome.resolve);
    });
    const socket = openSocket(url);
    socket.pause();
    socket.write(head('GET', '/'));
    await once(socket, 'readable');
    socket.destroy();
    expect(await outcome.promise).toBeDefined();
  });

  it('aborts when the frontend stops', async () => {
    const stopping = new AbortController();
    const seen = Promise.withResolvers<Exchange>();
    const socket = openSocket(await serve(seen.resolve, stopping.signal));
    socket.write(head('GET', '/'));
    const exchange = await seen.promise;
    stopping.abort(new Error('stopping'));
    expect(exchange.signal.reason).toMatchObject({ message: 'stopping' });
    socket.destroy();
  });
});

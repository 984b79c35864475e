import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createServer, listen } from '../../../../src/node/frontend/server.ts';
import { head, rawRequest } from './raw-http.ts';

describe('the HTTP server', () => {
  it('hands requests on with their path as it was sent', async () => {
    const server = createServer(async (request, response) => {
      response.end(`${request.method} ${request.url}`);
    });
    const url = await listen(server, '127.0.0.1', 0);
    try {
      for (const path of ['/a%2fb/c?x=%20', '/a//b', '/', '/a/../b', '/%C3%A4']) {
        expect((await rawRequest(url, head('GET', path))).body.toString()).toBe(`GET ${path}`);
      }
      expect((await rawRequest(url, head('GET', '/%zz'))).status).toBe(400);
      expect((await rawRequest(url, head('PROPFIND', '/x'))).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  it('says which address is in use', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const server = createServer(async () => undefined);
    await expect(listen(server, '127.0.0.1', port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    await expect(
      listen(
        createServer(async () => undefined),
        '203.0.113.1',
        0,
      ),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    other.close();
  });
});

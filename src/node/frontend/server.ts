import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { StratumError, systemCode } from '../../base/errors.ts';
import { answerError, answerText } from './http-errors.ts';

/** Answers one request, whatever happens; it never rejects. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A connection on which nothing moves for so long is closed: longer than any silence of git. */
const idleTimeoutMs = 600_000;

/** Longer than the idle time of common load balancers, so that they close first. */
const keepAliveTimeoutMs = 75_000;

/** Every method that a client may try; what is not served is answered by the routes. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];

/** A fastify server that hands every request on raw: bodies are streamed, paths judged unescaped. */
export function createServer(handler: RequestHandler): FastifyInstance {
  const server = Fastify({
    logger: false,
    // A push may take hours; what bounds it is the idle time-out of its connection.
    requestTimeout: 0,
    connectionTimeout: idleTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, _request, reply) => {
      reply.hijack();
      const details = { field: 'path', reason: error.message };
      answerError(reply.raw, new StratumError('INVALID_ARGUMENT', `the request path is malformed`, details));
    },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  server.route({
    method: methods,
    url: '*',
    handler: async (request, reply) => {
      reply.hijack();
      await handler(request.raw, reply.raw);
    },
  });
  server.setNotFoundHandler((_request, reply) => {
    reply.hijack();
    answerText(reply.raw, 404, 'stratum: not found');
  });
  // Node would invite the body at once; the handler does it when it wants the body.
  server.server.on('checkContinue', (request, response) => server.server.emit('request', request, response));
  return server;
}

/** Listens and returns the base URL; PORT_IN_USE and INVALID_ARGUMENT name the address. */
export async function listen(server: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    const address = `${host}:${port}`;
    if (systemCode(error) === 'EADDRINUSE') {
      const hint = 'Choose another address with --http-listen, or port 0 for any free one.';
      throw new StratumError('PORT_IN_USE', `HTTP cannot listen on ${address}: it is in use`, undefined, { hint });
    }
    const details = { field: 'httpListen', reason: String(error), expected: 'an address of this machine' };
    throw new StratumError('INVALID_ARGUMENT', `HTTP cannot listen on ${address}`, details, { cause: error });
  }
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${bound}`;
}

/** What is no HTTP at all, or has headers beyond the limit. */
function answerMalformed(error: { readonly code?: string }, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = `stratum: ${status.slice(4)}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

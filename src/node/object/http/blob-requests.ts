import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Timer } from '../../../base/clock.ts';
import { asStratumError, StratumError } from '../../../base/errors.ts';
import { isOid, parseOid } from '../../../base/oid.ts';
import { blobHeaders, blobPathPrefix, blobTimeoutMsMax, requestChecksum, toHttpError } from '../../../rpc/blob-http.ts';
import { cachePathPrefix, cacheRequestChecksum } from '../../../rpc/cache-http.ts';
import type { ObjectModules } from '../object-modules.ts';
import { invalidField } from '../request-fields.ts';
import { giveBlob } from './give-blob.ts';
import { giveCacheEntry } from './give-cache-entry.ts';
import { checkRequest, headerNumber, type RequestChecksum } from './header-fields.ts';
import { takeBlob } from './take-blob.ts';
import { takeCacheEntry } from './take-cache-entry.ts';

/** How long a caller may go on sending after it was refused, in milliseconds: time to read the refusal. */
const lingerMs = 5_000;

/**
 * Connections that may ask at once, each of which may hold a file open. One client has at most 32 to a node for
 * blobs (http-blobs.ts), and as many for entries of the shared cache (http-cache-node.ts). A connection that has not
 * asked yet is closed by the listener's own time limits.
 */
const connectionsDefault = 1_024;

/** When a caller that was refused for want of connections may come back, in milliseconds. */
const retryAfterMs = 1_000;

/** Who answers the requests of a kind. */
interface Route {
  readonly checksum: RequestChecksum;
  answer(
    request: IncomingMessage,
    response: ServerResponse,
    modules: ObjectModules & { readonly signal: AbortSignal },
  ): Promise<void>;
}

const blobRoute: Route = {
  checksum: requestChecksum,
  answer: (request, response, modules) => {
    const answerBlob = { PUT: takeBlob, GET: giveBlob }[methodOf(request)];
    return answerBlob(request, response, { ...modules, oid: oidOfPath(request) });
  },
};
const cacheRoute: Route = {
  checksum: cacheRequestChecksum,
  answer: (request, response, modules) => {
    const answerEntry = { PUT: takeCacheEntry, GET: giveCacheEntry }[methodOf(request)];
    return answerEntry(request, response, { ...modules, key: keyOfPath(request) });
  },
};

/** Values of who serves the blobs; each has a default. */
interface BlobRequestsOptions {
  /** Connections that may ask; OVERLOADED and closed beyond it. */
  readonly connectionsMax?: number;
}

/** Serves a node's blobs and entries of the shared cache over HTTP/1.1, as blob-http.ts and cache-http.ts in src/rpc describe it. */
export function blobRequests(
  modules: ObjectModules,
  { connectionsMax = connectionsDefault }: BlobRequestsOptions = {},
): RequestListener {
  const connections = new Set<Socket>();
  const busy = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    if (!connections.has(socket)) {
      if (connections.size >= connectionsMax) {
        response.shouldKeepAlive = false;
        const message = `${connectionsMax} connections ask this node already`;
        refuse(response, new StratumError('OVERLOADED', message, { retryAfterMs }));
        return;
      }
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    }
    if (busy.has(socket)) {
      // No client of ours sends a request before it has the last answer; each would hold a file open.
      socket.destroy();
      return;
    }
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    request.on('error', () => undefined); // Whoever reads the body hears of it; a caller that leaves later concerns nobody.
    void answer(request, response, modules);
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, modules: ObjectModules): Promise<void> {
  const ending = new AbortController();
  const leave = () => ending.abort(new StratumError('CANCELLED', 'the caller went away'));
  response.once('close', leave);
  let timer: Timer | undefined;
  try {
    const route = request.url?.startsWith(cachePathPrefix) === true ? cacheRoute : blobRoute;
    checkRequest(request, route.checksum);
    const timeoutMs = headerNumber(request, blobHeaders.timeoutMs, blobTimeoutMsMax);
    timer = modules.clock.after(timeoutMs, () => request.socket.destroy());
    await route.answer(request, response, { ...modules, signal: ending.signal });
  } catch (error) {
    if (!ending.signal.aborted && !response.destroyed) refuse(response, asStratumError(error));
  } finally {
    timer?.cancel();
    response.off('close', leave);
    if (!request.complete && !request.destroyed) linger(request, modules);
  }
}

function methodOf({ method }: IncomingMessage): 'PUT' | 'GET' {
  if (method === 'PUT' || method === 'GET') return method;
  throw invalidField('method', `${method}`, 'PUT or GET');
}

function oidOfPath({ url = '' }: IncomingMessage) {
  if (!url.startsWith(blobPathPrefix)) {
    throw new StratumError('NOT_FOUND', `there is nothing at ${url}`, { kind: 'path', id: url });
  }
  return parseOid(url.slice(blobPathPrefix.length), 'oid');
}

function keyOfPath({ url = '' }: IncomingMessage): string {
  const key = url.slice(cachePathPrefix.length);
  if (isOid(key)) return key;
  throw invalidField('key', 'not the key of a cache entry', '64 lower-case hex digits');
}

/** An error as the answer, or as a trailer where the answer has begun. */
function refuse(response: ServerResponse, error: StratumError): void {
  const { status, body } = toHttpError(error);
  if (response.headersSent) {
    response.addTrailers({ [blobHeaders.error]: body.toString('base64') });
    response.end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': body.length });
  response.end(body);
}

/** Reads on for a while, for nothing: closing at once would take the answer away from a caller that still sends. */
function linger(request: IncomingMessage, { clock }: ObjectModules): void {
  const { socket } = request;
  const timer = clock.after(lingerMs, () => socket.destroy());
  request.once('end', () => timer.cancel());
  socket.once('close', () => timer.cancel());
  request.resume();
}

import { type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { parseOid } from '../../base/oid.ts';
import { KiB } from '../../base/units.ts';
import { blobHeaders, fromHttpError } from '../../rpc/blob-http.ts';
import { cacheAnswerChecksum, cacheHeaders, cachePathPrefix, cacheRequestChecksum } from '../../rpc/cache-http.ts';
import type { NodeCallOptions } from '../node-io.ts';
import { BlobAgent } from '../remote/blob-agent.ts';
import { CallLife, type CallPlace } from '../remote/call-life.ts';
import { connectionError, garbled } from '../remote/connection-error.ts';
import { sendBody } from '../remote/send-body.ts';
import { CacheEntryChunks } from './cache-entry-chunks.ts';
import type { CacheNode } from './cache-node.ts';
import type { EntryClaim } from './entry-check.ts';
import type { SharedContent, SharedEntry, SharedPutOptions } from './shared-cache.ts';

/** Connections to one node; further calls wait for one of them, under their own deadline. */
const connectionsMax = 32;
/** Connections that are kept while nobody uses them, and for how long, in milliseconds: half of what the node keeps them. */
const idleConnectionsMax = 4;
const idleConnectionTimeoutMs = 30_000;
/** Bytes that a connection takes in ahead of its reader. */
const readAheadBytes = 512 * KiB;

/** Bytes of an answer that is no entry: an error with all its causes. */
const errorBytesMax = 256 * KiB;

/** How long a node lets an entry be read, in milliseconds: as long as git may take to make it. */
const readTimeoutMs = 1_800_000;

/** Values of a node's client. */
export interface HttpCacheNodeOptions {
  /** host:port. */
  readonly endpoint: string;
  /** How long a reader waits for the next bytes, in milliseconds. */
  readonly idleTimeoutMs: number;
}

/** What requests are made with. */
export interface HttpCacheNodeModules {
  readonly clock: Clock;
  /** Where a request that is made now belongs in a trace; sent in the header of that name. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** The entries of one node, over HTTP/1.1; src/rpc/cache-http.ts describes the requests. */
export class HttpCacheNode implements CacheNode {
  readonly #options: HttpCacheNodeOptions;
  readonly #modules: HttpCacheNodeModules;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #agent = new BlobAgent({
    ...{ keepAlive: true, highWaterMark: readAheadBytes },
    maxSockets: connectionsMax,
    maxFreeSockets: idleConnectionsMax,
    timeout: idleConnectionTimeoutMs,
  });

  constructor(options: HttpCacheNodeOptions, modules: HttpCacheNodeModules) {
    this.#options = options;
    this.#modules = modules;
    const colon = options.endpoint.lastIndexOf(':');
    const host = options.endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    this.#address = { host, port: Number(options.endpoint.slice(colon + 1)) };
  }

  async get(key: string, options: NodeCallOptions): Promise<SharedEntry | undefined> {
    options.signal?.throwIfAborted(); // Or a connection would be made for nothing.
    const { clock } = this.#modules;
    const { endpoint, idleTimeoutMs } = this.#options;
    const place = { endpoint, method: 'GET of a cache entry' };
    const life = new CallLife(options, place, { clock });
    try {
      const request = this.#request('GET', key, {}, readTimeoutMs);
      request.end();
      const response = await answerTo(request, life.signal, place);
      if (response.statusCode !== 200) {
        assertMissing(key, await bodyOf(response, life.signal, place), place);
        return undefined;
      }
      const claim = claimOf(key, request, response, place);
      const modules = { response, clock, signal: options.signal };
      return { sizeBytes: claim.sizeBytes, chunks: new CacheEntryChunks({ claim, place, idleTimeoutMs }, modules) };
    } finally {
      life.end();
    }
  }

  async put(key: string, content: SharedContent, put: SharedPutOptions, options: NodeCallOptions): Promise<boolean> {
    options.signal?.throwIfAborted();
    const place = { endpoint: this.#options.endpoint, method: 'PUT of a cache entry' };
    const life = new CallLife(options, place, { clock: this.#modules.clock });
    try {
      const headers = {
        'content-length': content.sizeBytes,
        expect: '100-continue',
        [cacheHeaders.contentCrc32]: content.crc32,
        [cacheHeaders.ttlMs]: put.ttlMs,
        [cacheHeaders.tag]: encodeURIComponent(put.tag),
      };
      const request = this.#request('PUT', key, headers, options.timeoutMs);
      request.flushHeaders();
      const asked = new Promise<boolean>((resolve) => request.once('continue', () => resolve(true)));
      const answered = answerTo(request, life.signal, place);
      // The answer may come at any time: a node that has no room says so before it has any of the content.
      const isWanted = Promise.race([asked, answered.then(() => false)]);
      const source = { oid: parseOid(key, 'key'), size: content.sizeBytes, open: () => content.read() };
      const sending = isWanted.then((wanted) => (wanted ? sendBody(source, request, answered) : undefined));
      const [response] = await Promise.all([answered, sending.catch((error: unknown) => abandon(request, error))]);
      const body = await bodyOf(response, life.signal, place);
      if (!request.writableEnded) request.destroy(); // Not wanted: the rest of the body would be taken for a request.
      if (response.statusCode !== 200) throw fromHttpError(body);
      checkAnswer(request, response, place);
      return response.headers[cacheHeaders.kept] === 'true';
    } finally {
      life.end();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(
    method: string,
    key: string,
    headers: Readonly<Record<string, string | number>>,
    timeoutMs: number,
  ): ClientRequest {
    const path = `${cachePathPrefix}${key}`;
    const timed = { ...headers, [blobHeaders.timeoutMs]: Math.max(1, Math.ceil(timeoutMs)) };
    const checksum = cacheRequestChecksum({ method, path }, timed);
    const traceparent = this.#modules.traceparent?.();
    return startRequest({
      ...{ ...this.#address, agent: this.#agent, method, path },
      headers: { ...timed, [blobHeaders.checksum]: checksum, ...(traceparent === undefined ? {} : { traceparent }) },
    });
  }
}

/** The head of the answer; rejects with the signal's reason, or says that the node cannot be reached. */
function answerTo(request: ClientRequest, signal: AbortSignal, place: CallPlace): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const onAbort = () => {
    request.destroy();
    reject(signal.reason);
  };
  request.on('error', (error) => reject(connectionError(error, place)));
  request.once('response', (response) => {
    response.on('error', () => undefined); // Told to whoever reads; after that it concerns nobody.
    resolve(response);
  });
  request.once('close', () => signal.removeEventListener('abort', onAbort));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  promise.catch(() => undefined); // Whoever sends may fail first, and that is the error to report.
  return promise;
}

function abandon(request: ClientRequest, error: unknown): never {
  request.destroy();
  throw error;
}

async function bodyOf(response: IncomingMessage, signal: AbortSignal, place: CallPlace): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > errorBytesMax) throw garbled(place, `more than ${errorBytesMax} bytes where an error belongs`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : connectionError(error, place);
  }
  return Buffer.concat(chunks);
}

/** The node's error, unless it is that it has nothing for this key. */
function assertMissing(key: string, body: Buffer, place: CallPlace): void {
  const error = fromHttpError(body);
  if (!hasCode(error, 'NOT_FOUND')) throw error;
  if (error.details.id !== key) throw garbled(place, `an error of entry ${error.details.id}`);
}

/** What the head says of the entry; DATA_CORRUPT for one that is not as it was sent. */
function claimOf(key: string, request: ClientRequest, response: IncomingMessage, place: CallPlace): EntryClaim {
  try {
    checkAnswer(request, response, place);
    const sizeBytes = numberIn(response, blobHeaders.size);
    const crc32 = numberIn(response, cacheHeaders.contentCrc32);
    if (sizeBytes === undefined || crc32 === undefined) throw garbled(place, 'no size or no CRC-32');
    if (numberIn(response, 'content-length') !== sizeBytes) throw garbled(place, 'a body of another size');
    return { key, sizeBytes, crc32 };
  } catch (error) {
    response.destroy();
    throw error;
  }
}

function numberIn({ headers }: IncomingMessage, name: string): number | undefined {
  const text = headers[name];
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** DATA_CORRUPT for an answer that is not as it was sent, or is one to another request. */
function checkAnswer({ method, path }: ClientRequest, { headers }: IncomingMessage, place: CallPlace): void {
  if (headers[blobHeaders.checksum] === cacheAnswerChecksum({ method, path }, headers)) return;
  throw garbled(place, 'headers that do not fit their checksum');
}

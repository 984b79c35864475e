import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import { parseOid } from '../../base/oid.ts';
import { type BlobRequestLine, blobHeaders, fromHttpError } from '../../rpc/blob-http.ts';
import { cacheAnswerChecksum, cacheHeaders, cachePathPrefix, cacheRequestChecksum } from '../../rpc/cache-http.ts';
import type { NodeCallOptions } from '../node-io.ts';
import { CallLife, type CallPlace } from '../remote/call-life.ts';
import { garbled } from '../remote/connection-error.ts';
import { answerTo, bodyOf, NodeHttp, type NodeHttpModules, sendWhenAsked } from '../remote/node-http.ts';
import { CacheEntryChunks } from './cache-entry-chunks.ts';
import type { CacheNode } from './cache-node.ts';
import type { EntryClaim } from './entry-check.ts';
import type { SharedContent, SharedEntry, SharedPutOptions } from './shared-cache.ts';

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
export interface HttpCacheNodeModules extends NodeHttpModules {
  readonly clock: Clock;
}

/** The entries of one node, over HTTP/1.1; src/rpc/cache-http.ts describes the requests. */
export class HttpCacheNode implements CacheNode {
  readonly #options: HttpCacheNodeOptions;
  readonly #modules: HttpCacheNodeModules;
  readonly #http: NodeHttp;

  constructor(options: HttpCacheNodeOptions, modules: HttpCacheNodeModules) {
    this.#options = options;
    this.#modules = modules;
    const checksums = { requestChecksum: cacheRequestChecksum, answerChecksum: cacheAnswerChecksum };
    this.#http = new NodeHttp({ endpoint: options.endpoint, ...checksums }, modules);
  }

  async get(key: string, options: NodeCallOptions): Promise<SharedEntry | undefined> {
    options.signal?.throwIfAborted(); // Or a connection would be made for nothing.
    const { clock } = this.#modules;
    const { endpoint, idleTimeoutMs } = this.#options;
    const place = { endpoint, method: 'GET of a cache entry' };
    const life = new CallLife(options, place, { clock });
    try {
      const request = this.#http.request(lineOf('GET', key), {}, readTimeoutMs);
      request.end();
      const call = { signal: life.signal, place };
      const response = await answerTo(request, call);
      if (response.statusCode !== 200) {
        assertMissing(key, await bodyOf(response, call), place);
        return undefined;
      }
      const claim = this.#claimOf(key, request, response, place);
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
      const request = this.#http.request(lineOf('PUT', key), headers, options.timeoutMs);
      const source = { oid: parseOid(key, 'key'), size: content.sizeBytes, open: () => content.read() };
      // A node that has no room says so before it has any of the content.
      const { response, body } = await sendWhenAsked(request, source, { signal: life.signal, place });
      if (response.statusCode !== 200) throw fromHttpError(body);
      this.#http.checkAnswer(request, response, place);
      return response.headers[cacheHeaders.kept] === 'true';
    } finally {
      life.end();
    }
  }

  close(): void {
    this.#http.close();
  }

  /** What the head says of the entry; DATA_CORRUPT for one that is not as it was sent. */
  #claimOf(key: string, request: ClientRequest, response: IncomingMessage, place: CallPlace): EntryClaim {
    try {
      this.#http.checkAnswer(request, response, place);
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
}

function lineOf(method: string, key: string): BlobRequestLine {
  return { method, path: `${cachePathPrefix}${key}` };
}

/** The node's error, unless it is that it has nothing for this key. */
function assertMissing(key: string, body: Buffer, place: CallPlace): void {
  const error = fromHttpError(body);
  if (!hasCode(error, 'NOT_FOUND')) throw error;
  if (error.details.id !== key) throw garbled(place, `an error of entry ${error.details.id}`);
}

function numberIn({ headers }: IncomingMessage, name: string): number | undefined {
  const text = headers[name];
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

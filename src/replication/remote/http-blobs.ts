import { type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import type { Oid } from '../../base/oid.ts';
import { KiB } from '../../base/units.ts';
import { answerChecksum, blobHeaders, blobPathPrefix, blobTimeoutMsMax, requestChecksum } from '../../rpc/blob-http.ts';
import type { BlobSource } from '../blob-source.ts';
import type { BlobStream, ByteRange, Fence, NodeCallOptions } from '../node-io.ts';
import { answeredError } from './answered-error.ts';
import { BlobAgent } from './blob-agent.ts';
import { CallLife, type CallPlace } from './call-life.ts';
import { connectionError, garbled } from './connection-error.ts';
import { HttpBlobChunks } from './http-blob-chunks.ts';
import { sendBody } from './send-body.ts';

/** Connections to one node; further calls wait for one of them, under their own deadline. */
const connectionsMax = 32;
/** Connections that are kept while nobody uses them, and for how long, in milliseconds: half of what the node keeps them. */
const idleConnectionsMax = 4;
const idleTimeoutMs = 30_000;

/** Bytes that a connection takes in ahead of its reader: enough that neither waits, and little beside 200 MB. */
const readAheadBytes = 512 * KiB;

/** Bytes of an answer that is no blob: an error with all its causes. */
const errorBytesMax = 256 * KiB;

/** What the requests are made with. */
export interface HttpBlobsModules {
  readonly clock: Clock;
  /** Where a request that is made now belongs in a trace; sent in the header of that name. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** Large blobs to and from one node, over HTTP/1.1; src/rpc/blob-http.ts describes the requests. */
export class HttpBlobs {
  readonly #endpoint: string;
  readonly #clock: Clock;
  readonly #traceparent: (() => string | undefined) | undefined;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #agent = new BlobAgent({
    ...{ keepAlive: true, highWaterMark: readAheadBytes },
    maxSockets: connectionsMax,
    maxFreeSockets: idleConnectionsMax,
    timeout: idleTimeoutMs,
  });

  constructor(options: { readonly endpoint: string }, modules: HttpBlobsModules) {
    this.#endpoint = options.endpoint;
    this.#clock = modules.clock;
    this.#traceparent = modules.traceparent;
    const colon = options.endpoint.lastIndexOf(':');
    const host = options.endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    this.#address = { host, port: Number(options.endpoint.slice(colon + 1)) };
  }

  /** See NodeWriter.put. */
  async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    const place = { endpoint: this.#endpoint, method: 'PUT of a blob' };
    const life = new CallLife(options, place, { clock: this.#clock });
    try {
      const headers = {
        'content-length': source.size,
        expect: '100-continue',
        [blobHeaders.term]: `${fence.term}`,
        [blobHeaders.ringEpoch]: `${fence.ringEpoch}`,
      };
      const request = this.#request('PUT', source.oid, headers, options);
      request.flushHeaders();
      const asked = new Promise<boolean>((resolve) => request.once('continue', () => resolve(true)));
      const answered = answerTo(request, life.signal, place);
      // The answer may come at any time: a refusal ends the sending.
      const isWanted = Promise.race([asked, answered.then(() => false)]);
      const sending = isWanted.then((wanted) => (wanted ? sendBody(source, request, answered) : undefined));
      const [response] = await Promise.all([answered, sending.catch((error: unknown) => abandon(request, error))]);
      const body = await bodyOf(response, life.signal, place);
      if (!request.writableEnded) request.destroy(); // Refused: the rest of the body would be taken for a request.
      if (response.statusCode !== 200) throw answeredError(body, source.oid, place);
      checkAnswer(request, response, place);
      return { existed: response.headers[blobHeaders.existed] === 'true' };
    } finally {
      life.end();
    }
  }

  /** See NodeReader.get; `range.length` is not 0. */
  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    const place = { endpoint: this.#endpoint, method: 'GET of a blob' };
    const life = new CallLife(options, place, { clock: this.#clock });
    try {
      const last = range.length === undefined ? '' : range.offset + range.length - 1;
      const headers = range.offset === 0 && last === '' ? {} : { range: `bytes=${range.offset}-${last}` };
      const request = this.#request('GET', oid, headers, options);
      request.end();
      const response = await answerTo(request, life.signal, place);
      if (response.statusCode !== 200) throw answeredError(await bodyOf(response, life.signal, place), oid, place);
      const size = sizeOf(request, response, place, range.offset);
      const rest = size - range.offset;
      const bytes = Math.min(rest, range.length ?? rest);
      return { size, chunks: new HttpBlobChunks({ oid, bytes, place }, { response, life }) };
    } catch (error) {
      life.end();
      throw error;
    }
  }

  /** Closes all connections; calls in flight fail. */
  close(): void {
    this.#agent.destroy();
  }

  #request(
    method: string,
    oid: Oid,
    headers: Readonly<Record<string, string | number>>,
    { timeoutMs }: NodeCallOptions,
  ): ClientRequest {
    const path = `${blobPathPrefix}${oid}`;
    const timed = {
      ...headers,
      [blobHeaders.timeoutMs]: Math.min(blobTimeoutMsMax, Math.max(1, Math.ceil(timeoutMs))),
    };
    const checksum = requestChecksum({ method, path }, timed);
    const traceparent = this.#traceparent?.();
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
  request.once('response', resolve);
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

/** The size of the whole blob that an answer gives; DATA_CORRUPT for none, and for one that does not reach to `offset`. */
function sizeOf(request: ClientRequest, response: IncomingMessage, place: CallPlace, offset: number): number {
  try {
    checkAnswer(request, response, place);
    const text = response.headers[blobHeaders.size];
    const size = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
    if (size === undefined || !Number.isSafeInteger(size)) throw garbled(place, 'no size');
    if (size < offset) throw garbled(place, `${size} bytes where byte ${offset} was asked for`);
    return size;
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** DATA_CORRUPT for an answer that is not as it was sent, or is one to another request. */
function checkAnswer({ method, path }: ClientRequest, { headers }: IncomingMessage, place: CallPlace): void {
  if (headers[blobHeaders.checksum] === answerChecksum({ method, path }, headers)) return;
  throw garbled(place, 'headers that do not fit their checksum');
}

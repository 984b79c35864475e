import { type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import { KiB } from '../../base/units.ts';
import { type BlobHeaderValues, type BlobRequestLine, blobHeaders, blobTimeoutMsMax } from '../../rpc/blob-http.ts';
import type { BlobSource } from '../blob-source.ts';
import { BlobAgent } from './blob-agent.ts';
import type { CallPlace } from './call-life.ts';
import { connectionError, garbled } from './connection-error.ts';
import { sendBody } from './send-body.ts';

/** Connections to one node; further calls wait for one of them, under their own deadline. */
const connectionsMax = 32;
/** Connections that are kept while nobody uses them, and for how long, in milliseconds: half of what the node keeps them. */
const idleConnectionsMax = 4;
const idleTimeoutMs = 30_000;

/** Bytes that a connection takes in ahead of its reader: enough that neither waits, and little beside 200 MB. */
const readAheadBytes = 512 * KiB;

/** Bytes of an answer that is not what was asked for: an error with all its causes. */
const errorBytesMax = 256 * KiB;

/** Which node, and how what is said to it and by it is signed. */
export interface NodeHttpOptions {
  /** host:port. */
  readonly endpoint: string;
  readonly requestChecksum: (line: BlobRequestLine, headers: BlobHeaderValues) => string;
  readonly answerChecksum: (line: BlobRequestLine, headers: BlobHeaderValues) => string;
}

/** What requests are made with. */
export interface NodeHttpModules {
  /** Where a request that is made now belongs in a trace; sent in the header of that name. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** One call, by what it is ended with and named in errors. */
export interface NodeHttpCall {
  readonly signal: AbortSignal;
  readonly place: CallPlace;
}

/** Signed requests to one node over HTTP/1.1, on connections that are kept. */
export class NodeHttp {
  readonly #options: NodeHttpOptions;
  readonly #traceparent: (() => string | undefined) | undefined;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #agent = new BlobAgent({
    ...{ keepAlive: true, highWaterMark: readAheadBytes },
    maxSockets: connectionsMax,
    maxFreeSockets: idleConnectionsMax,
    timeout: idleTimeoutMs,
  });

  constructor(options: NodeHttpOptions, modules: NodeHttpModules) {
    this.#options = options;
    this.#traceparent = modules.traceparent;
    const colon = options.endpoint.lastIndexOf(':');
    const host = options.endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    this.#address = { host, port: Number(options.endpoint.slice(colon + 1)) };
  }

  /** Makes a request; nothing is sent before its caller says so. */
  request(
    { method, path }: BlobRequestLine,
    headers: Readonly<Record<string, string | number>>,
    timeoutMs: number,
  ): ClientRequest {
    const timed = {
      ...headers,
      [blobHeaders.timeoutMs]: Math.min(blobTimeoutMsMax, Math.max(1, Math.ceil(timeoutMs))),
    };
    const checksum = this.#options.requestChecksum({ method, path }, timed);
    const traceparent = this.#traceparent?.();
    return startRequest({
      ...{ ...this.#address, agent: this.#agent, method, path },
      headers: { ...timed, [blobHeaders.checksum]: checksum, ...(traceparent === undefined ? {} : { traceparent }) },
    });
  }

  /** DATA_CORRUPT for an answer that is not as it was sent, or is one to another request. */
  checkAnswer({ method, path }: ClientRequest, { headers }: IncomingMessage, place: CallPlace): void {
    if (headers[blobHeaders.checksum] === this.#options.answerChecksum({ method, path }, headers)) return;
    throw garbled(place, 'headers that do not fit their checksum');
  }

  /** Closes all connections; calls in flight fail. */
  close(): void {
    this.#agent.destroy();
  }
}

/** The head of the answer; rejects with the signal's reason, or says that the node cannot be reached. */
export function answerTo(request: ClientRequest, { signal, place }: NodeHttpCall): Promise<IncomingMessage> {
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

/** Sends the source once the node asks for it (Expect: 100-continue); the answer, with its small body. */
export async function sendWhenAsked(
  request: ClientRequest,
  source: BlobSource,
  call: NodeHttpCall,
): Promise<{ readonly response: IncomingMessage; readonly body: Buffer }> {
  request.flushHeaders();
  const asked = new Promise<boolean>((resolve) => request.once('continue', () => resolve(true)));
  const answered = answerTo(request, call);
  // The answer may come at any time: a refusal ends the sending.
  const isWanted = Promise.race([asked, answered.then(() => false)]);
  const sending = isWanted.then((wanted) => (wanted ? sendBody(source, request, answered) : undefined));
  const [response] = await Promise.all([answered, sending.catch((error: unknown) => abandon(request, error))]);
  const body = await bodyOf(response, call);
  if (!request.writableEnded) request.destroy(); // Refused: the rest of the body would be taken for a request.
  return { response, body };
}

/** The whole body of an answer that is small. */
export async function bodyOf(response: IncomingMessage, { signal, place }: NodeHttpCall): Promise<Buffer> {
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

function abandon(request: ClientRequest, error: unknown): never {
  request.destroy();
  throw error;
}

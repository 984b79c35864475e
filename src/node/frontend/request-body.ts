import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { StratumError } from '../../base/errors.ts';
import { formatBytes, GiB, KiB } from '../../base/units.ts';

/** How much of a body is taken. */
export interface BodyLimits {
  /** Bytes after decompression; TOO_LARGE beyond. */
  readonly bytesMax: number;
}

/**
 * The body of a request, decompressed, at the pace of its reader. Asks for the body first where
 * the client waits for that (Expect: 100-continue). Ending the iteration early leaves the
 * connection usable for the answer. TOO_LARGE before the first byte when the client announces
 * too much, PROTOCOL_ERROR when the compression is broken, CANCELLED when the client goes away.
 */
export async function* readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): AsyncGenerator<Buffer, void, undefined> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax) throw tooLarge(limits.bytesMax, announced);
  const content = decoded(request);
  invite(request, response);
  let bytes = 0;
  try {
    for await (const chunk of content.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > limits.bytesMax) throw tooLarge(limits.bytesMax);
      yield chunk;
    }
    if (!request.complete) throw new StratumError('CANCELLED', 'the client went away before the end of its request');
  } catch (error) {
    throw asBodyError(error, request);
  } finally {
    if (content !== request) {
      request.unpipe();
      content.destroy();
    }
  }
}

/** A whole small body. */
export async function readSmallBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  const isPlain = request.headers['content-encoding'] === undefined && !awaitsInvitation(request);
  if (isPlain && announced > 0 && announced <= Math.min(plainBytesMax, limits.bytesMax))
    return await readPlain(request);
  const chunks: Buffer[] = [];
  for await (const chunk of readBody(request, response, limits)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bodies up to this are taken in one go, where the iterator would take longer than all the rest of a small request. */
const plainBytesMax = 64 * KiB;

/** A body of known length that the client sends unasked; CANCELLED when the client goes away. */
function readPlain(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const left = () => reject(new StratumError('CANCELLED', 'the client went away before the end of its request'));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      request.off('close', left);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.once('close', left);
    request.on('error', () => undefined); // The close that follows says enough.
  });
}

/** What is read off and thrown away of an upload that was answered early; more breaks the connection. */
const discardedBytesMax = 4 * GiB;

/** Requests whose client waited for 100 Continue and got it. */
const invited = new WeakSet<IncomingMessage>();

/**
 * Ends a response. A client that is still sending its body gets the answer at once and the end
 * after its last byte: a connection closed under a sender loses the answer on the way.
 */
export function endResponse(response: ServerResponse, lastChunk?: Buffer): void {
  const request = response.req;
  if (awaitsInvitation(request))
    response.shouldKeepAlive = false; // Its body will never come.
  else if (!request.complete && !request.destroyed) {
    if (lastChunk !== undefined) response.write(lastChunk);
    else response.flushHeaders();
    discardRest(request, () => response.end());
    return;
  }
  response.end(lastChunk);
}

function discardRest(request: IncomingMessage, then: () => void): void {
  // Whoever was reading it has stopped in the middle, and must not hold it up now.
  request.unpipe();
  request.removeAllListeners('readable');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > discardedBytesMax) request.destroy();
  });
  request.on('error', () => undefined); // The client went away while its bytes were thrown away.
  request.once('end', then);
  request.resume();
}

function invite(request: IncomingMessage, response: ServerResponse): void {
  if (!awaitsInvitation(request)) return;
  invited.add(request);
  response.writeContinue();
}

function awaitsInvitation(request: IncomingMessage): boolean {
  return /100-continue/i.test(request.headers.expect ?? '') && !invited.has(request);
}

function decoded(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity') return request;
  const decoder = encoding === 'gzip' || encoding === 'x-gzip' ? createGunzip() : undefined;
  const stream = decoder ?? (encoding === 'deflate' ? createInflate() : undefined);
  if (stream === undefined) {
    const details = { field: 'Content-Encoding', reason: 'unknown', expected: 'gzip, deflate or identity' };
    throw new StratumError('INVALID_ARGUMENT', `unknown Content-Encoding '${encoding.slice(0, 50)}'`, details);
  }
  // Who iterates sees its errors; one that comes when nobody iterates any more concerns nobody.
  stream.on('error', () => undefined);
  request.once('close', () => {
    if (!request.complete) stream.destroy(new StratumError('CANCELLED', 'the client went away'));
  });
  request.pipe(stream);
  return stream;
}

function asBodyError(error: unknown, request: IncomingMessage): unknown {
  if (error instanceof StratumError) return error;
  if (request.destroyed && !request.complete) {
    return new StratumError('CANCELLED', 'the client went away', undefined, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new StratumError('PROTOCOL_ERROR', `the request body cannot be read: ${message}`, undefined, { cause: error });
}

function tooLarge(limit: number, actual?: number): StratumError<'TOO_LARGE'> {
  const details = { what: 'request body', limit: BigInt(limit), ...(actual && { actual: BigInt(actual) }) };
  return new StratumError('TOO_LARGE', `the request body is larger than ${formatBytes(limit)}`, details);
}

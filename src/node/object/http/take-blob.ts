import type { IncomingMessage, ServerResponse } from 'node:http';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { answerChecksum, blobHeaders, blobPathPrefix } from '../../../rpc/blob-http.ts';
import type { BlobChunks } from '../../../store/blob-store.ts';
import type { BlobRequest } from './blob-request.ts';
import { BodyChunks } from './body-chunks.ts';
import { headerBigInt, headerNumber } from './header-fields.ts';

/** PUT of a blob: stores the body. The fence and the store refuse it before the caller has sent any of it. */
export async function takeBlob(
  request: IncomingMessage,
  response: ServerResponse,
  { oid, store, fence, signal }: BlobRequest,
): Promise<void> {
  const size = headerNumber(request, 'content-length', Number.MAX_SAFE_INTEGER);
  const term = headerBigInt(request, blobHeaders.term);
  const ringEpoch = headerBigInt(request, blobHeaders.ringEpoch);
  await fence.admit({ term, ringEpoch });
  const { existed } = await store.put(oid, size, bodyChunks(request, response, signal));
  const headers = { [blobHeaders.existed]: `${existed}` };
  const checksum = answerChecksum({ method: 'PUT', path: `${blobPathPrefix}${oid}` }, headers);
  response.writeHead(200, { ...headers, [blobHeaders.checksum]: checksum, 'content-length': 0 });
  response.end();
}

/** The body, to its end or until the signal aborts. */
function bodyChunks(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): BlobChunks<Uint8Array> {
  return { [Symbol.asyncIterator]: () => endOnAbort(bodyOf(request, response), signal), release: freeMemory };
}

/** The body, which a caller that waits to be asked for it is asked for when it is first read. */
async function* bodyOf(request: IncomingMessage, response: ServerResponse): AsyncGenerator<Buffer, void, undefined> {
  if (request.headers.expect !== undefined) response.writeContinue();
  yield* new BodyChunks(request);
}

/**
 * Gives the memory of a chunk back at once. The collector would, too, but it looked through all memory for every
 * 20 MB that came: two fifths of what a put cost a node.
 */
function freeMemory({ buffer, byteLength }: Uint8Array): void {
  // What the parser made for this chunk alone.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

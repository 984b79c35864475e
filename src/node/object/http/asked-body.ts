import type { IncomingMessage, ServerResponse } from 'node:http';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import type { BlobChunks } from '../../../store/blob-store.ts';
import { BodyChunks } from './body-chunks.ts';

/**
 * The body, to its end or until the signal aborts. A caller that waits to be asked for it is asked when it is first
 * read. The memory of a chunk that is released is gone.
 */
export function askedBody(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): BlobChunks<Buffer> {
  return { [Symbol.asyncIterator]: () => endOnAbort(bodyOf(request, response), signal), release: freeMemory };
}

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

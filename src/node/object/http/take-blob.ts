import type { IncomingMessage, ServerResponse } from 'node:http';
import { KiB } from '../../../base/units.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { blobHeaders } from '../../../rpc/blob-http.ts';
import type { BlobRequest } from './blob-request.ts';
import { headerBigInt, headerNumber } from './header-fields.ts';

/** What came while the disk was busy goes to it in one piece of at most this many bytes, and one read of the socket. */
const gatheredBytesMax = 448 * KiB;

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
  const { existed } = await store.put(oid, size, endOnAbort(bodyOf(request, response), signal));
  response.writeHead(200, { [blobHeaders.existed]: `${existed}`, 'content-length': 0 });
  response.end();
}

/** The body, which a caller that waits to be asked for it is asked for when it is first read. */
async function* bodyOf(request: IncomingMessage, response: ServerResponse): AsyncGenerator<Buffer, void, undefined> {
  if (request.headers.expect !== undefined) response.writeContinue();
  // Ended early, the request must live on: its connection carries the refusal.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const waiting: unknown = request.read(Math.min(request.readableLength, gatheredBytesMax));
    yield Buffer.isBuffer(waiting) ? Buffer.concat([chunk, waiting]) : chunk;
  }
}

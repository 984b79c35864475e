import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerChecksum, blobHeaders, blobPathPrefix } from '../../../rpc/blob-http.ts';
import { invalidField } from '../request-fields.ts';
import type { BlobRequest } from './blob-request.ts';
import { responseRoom } from './response-room.ts';

/** GET of a blob or a range of it: its size, then the bytes; what goes wrong between them is said in a trailer. */
export async function giveBlob(
  request: IncomingMessage,
  response: ServerResponse,
  { oid, store, signal }: BlobRequest,
): Promise<void> {
  const { offset, length } = rangeOf(request);
  const { size, chunks } = await store.read(oid, offset, length);
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    signal.throwIfAborted();
    const headers = { [blobHeaders.size]: size };
    const checksum = answerChecksum({ method: 'GET', path: `${blobPathPrefix}${oid}` }, headers);
    response.writeHead(200, { ...headers, [blobHeaders.checksum]: checksum, trailer: blobHeaders.error });
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const chunk = next.value;
      const written = (error?: Error | null) => error || chunks.release?.(chunk);
      if (!response.write(chunk, written)) await responseRoom(response, signal);
    }
    response.end();
  } finally {
    await iterator.return?.();
  }
}

/** The whole blob without the header; INVALID_ARGUMENT for a range that does not begin with an offset. */
function rangeOf({ headers: { range } }: IncomingMessage): { readonly offset: number; readonly length?: number } {
  if (range === undefined) return { offset: 0 };
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(range) ?? [];
  if (first === undefined) throw invalidField('range', range, 'bytes=<first>- or bytes=<first>-<last>');
  const offset = Number(first);
  if (last === undefined) return { offset };
  if (Number(last) < offset) throw invalidField('range', range, 'a last byte that is not before the first');
  return { offset, length: Number(last) - offset + 1 };
}

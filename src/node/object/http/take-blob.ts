import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerChecksum, blobHeaders, blobPathPrefix } from '../../../rpc/blob-http.ts';
import { askedBody } from './asked-body.ts';
import type { BlobRequest } from './blob-request.ts';
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
  const { existed } = await store.put(oid, size, askedBody(request, response, signal));
  const headers = { [blobHeaders.existed]: `${existed}` };
  const checksum = answerChecksum({ method: 'PUT', path: `${blobPathPrefix}${oid}` }, headers);
  response.writeHead(200, { ...headers, [blobHeaders.checksum]: checksum, 'content-length': 0 });
  response.end();
}

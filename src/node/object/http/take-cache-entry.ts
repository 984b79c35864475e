import type { IncomingMessage, ServerResponse } from 'node:http';
import { blobHeaders } from '../../../rpc/blob-http.ts';
import {
  cacheAnswerChecksum,
  cacheHeaders,
  cachePathPrefix,
  cacheTagBytesMax,
  cacheTtlMsMax,
} from '../../../rpc/cache-http.ts';
import { invalidField } from '../request-fields.ts';
import { askedBody } from './asked-body.ts';
import type { CacheRequest } from './cache-request.ts';
import { headerNumber } from './header-fields.ts';

const uint32Max = 2 ** 32 - 1;

/** PUT of an entry of the shared cache: stores the body, unless it is not kept; that is said before any of it is asked for. */
export async function takeCacheEntry(
  request: IncomingMessage,
  response: ServerResponse,
  { key, cache, signal }: CacheRequest,
): Promise<void> {
  const entry = {
    key,
    sizeBytes: headerNumber(request, 'content-length', Number.MAX_SAFE_INTEGER),
    crc32: headerNumber(request, cacheHeaders.contentCrc32, uint32Max),
    ttlMs: headerNumber(request, cacheHeaders.ttlMs, cacheTtlMsMax),
    tag: tagOf(request),
  };
  const kept = await cache.put(entry, askedBody(request, response, signal));
  const headers = { [cacheHeaders.kept]: `${kept}` };
  const checksum = cacheAnswerChecksum({ method: 'PUT', path: `${cachePathPrefix}${key}` }, headers);
  response.writeHead(200, { ...headers, [blobHeaders.checksum]: checksum, 'content-length': 0 });
  response.end();
}

function tagOf({ headers }: IncomingMessage): string {
  const text = headers[cacheHeaders.tag];
  const expected = `percent-encoded text of at most ${cacheTagBytesMax} bytes`;
  if (typeof text !== 'string') throw invalidField(cacheHeaders.tag, 'missing', expected);
  let tag: string;
  try {
    tag = decodeURIComponent(text);
  } catch {
    throw invalidField(cacheHeaders.tag, 'not percent-encoded', expected);
  }
  if (Buffer.byteLength(tag) > cacheTagBytesMax) throw invalidField(cacheHeaders.tag, 'too long', expected);
  return tag;
}

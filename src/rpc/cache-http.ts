import { type BlobHeaderValues, type BlobRequestLine, blobHeaders, headersChecksum } from './blob-http.ts';

/**
 * Entries of the shared cache over HTTP/1.1, beside the blobs (blob-http.ts), whose errors and checksums they have.
 *
 * `PUT /cache/<key>` with Content-Length, the content's `contentCrc32`, `ttlMs`, `tag` and `timeoutMs`; a caller that
 * sends `Expect: 100-continue` is told before it has sent the content that it is not kept. 200 carries `kept`.
 * `GET /cache/<key>` with `timeoutMs`. 200 carries `size` and `contentCrc32`, and the content with its Content-Length: an
 * answer that goes wrong after its head is broken off, and who gets fewer bytes, or others, must not take them for all.
 * 404 NOT_FOUND for a key that the node has nothing for.
 */
export const cacheHeaders = {
  /** CRC-32 of the content, decimal. */
  contentCrc32: 'stratum-content-crc32',
  /** Milliseconds for which the entry may be served. */
  ttlMs: 'stratum-ttl-ms',
  /** Whose entry it is, percent-encoded. */
  tag: 'stratum-tag',
  /** "true" when the node keeps the entry. */
  kept: 'stratum-kept',
} as const;

/** The path of an entry begins with it, and ends with its key. */
export const cachePathPrefix = '/cache/';

/** Bytes of a tag, as it is sent. */
export const cacheTagBytesMax = 128;

/** The longest that an entry may be served, in milliseconds: thirty days. */
export const cacheTtlMsMax = 30 * 86_400_000;

/** What a checksum covers, in this order; see blob-http.ts. */
const coveredHeaders = {
  request: [
    'content-length',
    'expect',
    cacheHeaders.contentCrc32,
    cacheHeaders.ttlMs,
    cacheHeaders.tag,
    blobHeaders.timeoutMs,
  ],
  answer: [blobHeaders.size, cacheHeaders.contentCrc32, cacheHeaders.kept],
} as const;

/** The checksum of a request: its method, its path and its headers. */
export function cacheRequestChecksum({ method, path }: BlobRequestLine, headers: BlobHeaderValues): string {
  return headersChecksum(`${method} ${path}`, coveredHeaders.request, headers);
}

/** The checksum of a successful answer: its headers, and what it is an answer to. */
export function cacheAnswerChecksum({ method, path }: BlobRequestLine, headers: BlobHeaderValues): string {
  return headersChecksum(`200 ${method} ${path}`, coveredHeaders.answer, headers);
}

import { oidFromBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { cacheTagBytesMax, cacheTtlMsMax } from '../../../rpc/cache-http.ts';
import type {
  CacheEntryHeader,
  PutCacheEntryRequest,
  PutCacheEntryResponse,
} from '../../../rpc/gen/stratum/v1/object.ts';
import type { ClientStreamHandler } from '../../../rpc/handlers.ts';
import { chunksOf, readHeader } from '../header-and-chunks.ts';
import type { ObjectModules } from '../object-modules.ts';
import { invalidField, safeNumberField } from '../request-fields.ts';

/** ObjectService.PutCacheEntry: a header, then chunks; answered when the entry is stored, or is not to be. */
export function putCacheEntry({
  cache,
}: ObjectModules): ClientStreamHandler<PutCacheEntryRequest, PutCacheEntryResponse> {
  return async (requests, { signal }) => {
    const parts = endOnAbort(requests, signal);
    try {
      const header: CacheEntryHeader = await readHeader(parts);
      const entry = {
        key: oidFromBytes(header.key, 'header.key'),
        sizeBytes: safeNumberField('header.size', header.size),
        crc32: header.contentCrc32,
        ttlMs: safeNumberField('header.ttl_ms', header.ttlMs),
        tag: header.tag,
      };
      if (entry.ttlMs > cacheTtlMsMax)
        throw invalidField('header.ttl_ms', `${entry.ttlMs}`, `at most ${cacheTtlMsMax}`);
      if (Buffer.byteLength(entry.tag) > cacheTagBytesMax) {
        throw invalidField('header.tag', 'too long', `at most ${cacheTagBytesMax} bytes`);
      }
      return { kept: await cache.put(entry, chunksOf(parts)) };
    } finally {
      // Not awaited: a caller that has fallen silent would hold up its own refusal.
      parts.return().catch(() => undefined);
    }
  };
}

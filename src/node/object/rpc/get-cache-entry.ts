import { StratumError } from '../../../base/errors.ts';
import { oidFromBytes } from '../../../base/oid.ts';
import type { GetCacheEntryRequest, GetCacheEntryResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { ServerStreamHandler } from '../../../rpc/handlers.ts';
import { entryChunks } from '../entry-chunks.ts';
import { chunkBytesMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';

/** ObjectService.GetCacheEntry: what is known of the entry, then its content; NOT_FOUND when there is none. */
export function getCacheEntry({
  cache,
  clock,
}: ObjectModules): ServerStreamHandler<GetCacheEntryRequest, GetCacheEntryResponse> {
  return async function* (request, { signal }) {
    const key = oidFromBytes(request.key, 'key');
    const reader = cache.get(key);
    if (reader === undefined) {
      throw new StratumError('NOT_FOUND', `there is no cache entry ${key}`, { kind: 'cache entry', id: key });
    }
    try {
      const { sizeBytes, crc32, expiresAtMs, tag } = reader.entry;
      const ttlMs = expiresAtMs === undefined ? 0 : Math.max(0, expiresAtMs - clock.nowMs());
      const header = { key: request.key, size: BigInt(sizeBytes), ttlMs: BigInt(ttlMs), contentCrc32: crc32, tag };
      yield { part: { $case: 'header', value: header } };
      for await (const value of entryChunks(reader, { chunkBytes: chunkBytesMax, signal })) {
        yield { part: { $case: 'chunk', value } };
      }
    } finally {
      // A caller that leaves before the first chunk must not leave the file open.
      reader.release();
    }
  };
}

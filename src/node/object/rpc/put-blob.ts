import { oidFromBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import type { PutBlobHeader, PutBlobRequest, PutBlobResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { ClientStreamHandler } from '../../../rpc/handlers.ts';
import { chunkBytesMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';
import { fenceField, invalidField, safeNumberField } from '../request-fields.ts';

/** ObjectService.PutBlob: a header, then chunks; answered when the blob is on disk. */
export function putBlob({ store, fence }: ObjectModules): ClientStreamHandler<PutBlobRequest, PutBlobResponse> {
  return async (requests, { signal }) => {
    const parts = endOnAbort(requests, signal);
    try {
      const header = await readHeader(parts);
      const oid = oidFromBytes(header.oid, 'header.oid');
      const size = safeNumberField('header.size', header.size);
      await fence.admit(fenceField(header.fence));
      return await store.put(oid, size, chunksOf(parts));
    } finally {
      // Not awaited: a caller that has fallen silent would hold up its own refusal.
      parts.return().catch(() => undefined);
    }
  };
}

async function readHeader(parts: AsyncGenerator<PutBlobRequest, void, undefined>): Promise<PutBlobHeader> {
  const first = await parts.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case === 'header') return part.value;
  throw invalidField('part', part === undefined ? 'nothing was sent' : 'a chunk came first', 'the header first');
}

async function* chunksOf(parts: AsyncIterable<PutBlobRequest>): AsyncGenerator<Buffer, void, undefined> {
  for await (const { part } of parts) {
    if (part?.$case !== 'chunk') {
      const reason = part === undefined ? 'an empty message' : 'a second header';
      throw invalidField('part', reason, 'chunks after the header');
    }
    if (part.value.length > chunkBytesMax) {
      throw invalidField('chunk', `${part.value.length} bytes`, `at most ${chunkBytesMax}`);
    }
    yield part.value;
  }
}

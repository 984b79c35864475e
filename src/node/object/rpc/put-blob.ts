import { oidFromBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import type { PutBlobRequest, PutBlobResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { ClientStreamHandler } from '../../../rpc/handlers.ts';
import { chunksOf, readHeader } from '../header-and-chunks.ts';
import type { ObjectModules } from '../object-modules.ts';
import { fenceField, safeNumberField } from '../request-fields.ts';

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

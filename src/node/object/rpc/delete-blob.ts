import { oidFromBytes } from '../../../base/oid.ts';
import type { DeleteBlobRequest, DeleteBlobResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { ObjectModules } from '../object-modules.ts';
import { fenceField, invalidField, safeNumberField } from '../request-fields.ts';

/** ObjectService.DeleteBlob: deletes a blob that has not been put since the time given. */
export function deleteBlob({ store, fence }: ObjectModules): UnaryHandler<DeleteBlobRequest, DeleteBlobResponse> {
  return async (request) => {
    const oid = oidFromBytes(request.oid);
    // Zero is what a caller sends who forgot the field; it must not delete what was put a moment ago.
    if (request.storedBeforeMs === 0n) {
      throw invalidField('stored_before_ms', 'missing', 'the time before which the blob was last put');
    }
    const storedBeforeMs = safeNumberField('stored_before_ms', request.storedBeforeMs);
    await fence.admit(fenceField(request.fence));
    return { deleted: await store.delete(oid, storedBeforeMs) };
  };
}

import { oidFromBytes } from '../../../base/oid.ts';
import type { GetBlobRequest, GetBlobResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { ServerStreamHandler } from '../../../rpc/handlers.ts';
import type { ObjectModules } from '../object-modules.ts';
import { safeNumberField } from '../request-fields.ts';

/** ObjectService.GetBlob: the size of the whole blob, then the chunks of the range. */
export function getBlob({ store }: ObjectModules): ServerStreamHandler<GetBlobRequest, GetBlobResponse> {
  return async function* (request) {
    const oid = oidFromBytes(request.oid);
    const offset = safeNumberField('offset', request.offset);
    const length = request.length === 0n ? undefined : safeNumberField('length', request.length);
    const { size, chunks } = await store.read(oid, offset, length);
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      yield { part: { $case: 'size', value: BigInt(size) } };
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        yield { part: { $case: 'chunk', value: next.value } };
      }
    } finally {
      // A caller that leaves before the first chunk must not leave the file open.
      await iterator.return?.();
    }
  };
}

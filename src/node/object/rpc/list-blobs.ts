import { oidFromBytes, oidToBytes } from '../../../base/oid.ts';
import { encodePresence } from '../../../replication/presence-codec.ts';
import type { ListBlobsRequest, ListBlobsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { pageEntriesDefault, pageEntriesMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';
import { invalidField } from '../request-fields.ts';

/** ObjectService.ListBlobs: a page of blobs by position, damaged ones included. */
export function listBlobs({ store }: ObjectModules): UnaryHandler<ListBlobsRequest, ListBlobsResponse> {
  return async ({ positionFrom, positionTo, cursor, pageSize }) => {
    if (pageSize > pageEntriesMax) {
      throw invalidField('page_size', `${pageSize}`, `1 to ${pageEntriesMax}, or 0 for ${pageEntriesDefault}`);
    }
    const after = cursor.length === 0 ? undefined : oidFromBytes(cursor, 'cursor');
    const page = await store.list(positionFrom, positionTo, after, pageSize === 0 ? pageEntriesDefault : pageSize);
    return {
      entries: page.entries.map(({ oid, size, storedAtMs, presence }) => ({
        oid: oidToBytes(oid),
        size: BigInt(size),
        storedAtMs: BigInt(Math.trunc(storedAtMs)),
        presence: encodePresence(presence),
      })),
      nextCursor: page.nextCursor === undefined ? Buffer.alloc(0) : oidToBytes(page.nextCursor),
    };
  };
}

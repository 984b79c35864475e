import { oidToBytes } from '../../../base/oid.ts';
import { encodePresence } from '../../../replication/presence-codec.ts';
import { reportPresence } from '../../../replication/presence-report.ts';
import type { HasBlobResult, HasBlobsRequest, HasBlobsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { ObjectModules } from '../object-modules.ts';
import { oidsField } from '../request-fields.ts';

/** ObjectService.HasBlobs: what this node can say of each blob, one after another where it has to hash them. */
export function hasBlobs({ store }: ObjectModules): UnaryHandler<HasBlobsRequest, HasBlobsResponse> {
  return async ({ oids, verify }, { signal }) => {
    const results: HasBlobResult[] = [];
    for (const oid of oidsField(oids)) {
      signal.throwIfAborted();
      const { presence, size, storedAtMs } = await reportPresence(store, oid, verify);
      results.push({
        oid: oidToBytes(oid),
        presence: encodePresence(presence),
        size: BigInt(size),
        storedAtMs: BigInt(Math.trunc(storedAtMs)),
      });
    }
    return { results };
  };
}

import { StratumError } from '../../../base/errors.ts';
import { type Oid, oidToBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { encodePresence } from '../../../replication/presence-codec.ts';
import type { GetBlobResult, GetBlobsRequest, GetBlobsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { DuplexHandler } from '../../../rpc/handlers.ts';
import type { BlobStore } from '../../../store/blob-store.ts';
import { smallBlobsBytesMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';
import { oidsField } from '../request-fields.ts';

/** ObjectService.GetBlobs: small blobs in the order asked for, as many to a message as fit. */
export function getBlobs({ store }: ObjectModules): DuplexHandler<GetBlobsRequest, GetBlobsResponse> {
  return async function* (requests, { signal }) {
    for await (const request of endOnAbort(requests, signal)) {
      let results: GetBlobResult[] = [];
      let bytes = 0;
      for (const oid of oidsField(request.oids)) {
        signal.throwIfAborted();
        const result = await getOne(oid, store);
        if (bytes + result.content.length > smallBlobsBytesMax) {
          yield { results };
          results = [];
          bytes = 0;
        }
        results.push(result);
        bytes += result.content.length;
      }
      yield { results };
    }
  };
}

async function getOne(oid: Oid, store: BlobStore): Promise<GetBlobResult> {
  const info = await store.stat(oid);
  if (info === undefined) return without(oid, store);
  if (info.size > smallBlobsBytesMax) {
    const details = { what: `blob ${oid}`, limit: BigInt(smallBlobsBytesMax), actual: BigInt(info.size) };
    const hint = 'read it with GetBlob, which streams';
    throw new StratumError('TOO_LARGE', `blob ${oid} has ${info.size} bytes and does not fit in a message`, details, {
      hint,
    });
  }
  try {
    const { chunks } = await store.read(oid);
    const content = Buffer.concat(await Array.fromAsync(chunks));
    return { oid: oidToBytes(oid), presence: encodePresence('PRESENT'), content };
  } catch (error) {
    // Deleted since, or found to be damaged: the store now knows which.
    if (error instanceof StratumError) return without(oid, store);
    throw error;
  }
}

async function without(oid: Oid, store: BlobStore): Promise<GetBlobResult> {
  const presence = await store.presence(oid);
  // Put just now, after the look for it: asking again finds it.
  const answer = presence === 'PRESENT' ? 'UNKNOWN' : presence;
  return { oid: oidToBytes(oid), presence: encodePresence(answer), content: Buffer.alloc(0) };
}

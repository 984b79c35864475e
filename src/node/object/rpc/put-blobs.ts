import { asStratumError } from '../../../base/errors.ts';
import { oidFromBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { encodeErrorDetail } from '../../../rpc/error-detail.ts';
import { ErrorDetail } from '../../../rpc/gen/stratum/v1/errors.ts';
import type {
  PutBlobResult,
  PutBlobsRequest,
  PutBlobsResponse,
  SmallBlob,
} from '../../../rpc/gen/stratum/v1/object.ts';
import type { DuplexHandler } from '../../../rpc/handlers.ts';
import { smallBlobsBytesMax } from '../../../rpc/limits.ts';
import type { BlobStore } from '../../../store/blob-store.ts';
import { singleChunk } from '../../../store/single-chunk.ts';
import { smallBlobGroupsMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';
import { fenceField, invalidField } from '../request-fields.ts';

/**
 * ObjectService.PutBlobs: groups of small blobs. Each group is answered in its turn when all of it
 * is decided; later groups are stored meanwhile, a bounded number of them, so that they share commits.
 */
export function putBlobs(modules: ObjectModules): DuplexHandler<PutBlobsRequest, PutBlobsResponse> {
  return async function* (requests, { signal }) {
    const underWay: Promise<PutBlobsResponse>[] = [];
    for await (const request of endOnAbort(requests, signal)) {
      const group = putGroup(request, modules);
      group.catch(() => undefined); // Read in its turn below; until then its failure has no reader.
      underWay.push(group);
      const oldest = underWay.length < smallBlobGroupsMax ? undefined : underWay.shift();
      if (oldest !== undefined) yield await oldest;
    }
    for (const group of underWay) yield await group;
  };
}

async function putGroup({ fence, blobs }: PutBlobsRequest, modules: ObjectModules): Promise<PutBlobsResponse> {
  const bytes = blobs.reduce((sum, { content }) => sum + content.length, 0);
  if (bytes > smallBlobsBytesMax) {
    throw invalidField(
      'blobs',
      `${bytes} bytes in one message`,
      `at most ${smallBlobsBytesMax}; PutBlob takes larger ones`,
    );
  }
  await modules.fence.admit(fenceField(fence));
  return { results: await Promise.all(blobs.map((blob) => putOne(blob, modules.store))) };
}

/** One blob's failure is its own; the others of its group are stored. */
async function putOne({ oid, content }: SmallBlob, store: BlobStore): Promise<PutBlobResult> {
  try {
    const { existed } = await store.put(oidFromBytes(oid, 'blobs.oid'), content.length, singleChunk(content));
    return { oid, stored: true, existed, error: Buffer.alloc(0) };
  } catch (error) {
    const detail = ErrorDetail.encode(encodeErrorDetail(asStratumError(error))).finish();
    return { oid, stored: false, existed: false, error: Buffer.from(detail) };
  }
}

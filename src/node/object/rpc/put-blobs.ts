import { asStratumError, hasCode, StratumError } from '../../../base/errors.ts';
import { oidFromBytes } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { encodeErrorDetail } from '../../../rpc/error-detail.ts';
import { ErrorDetail } from '../../../rpc/gen/stratum/v1/errors.ts';
import type {
  PutBlobResult,
  PutBlobsRequest,
  PutBlobsResponse,
  SmallBlob as SmallBlobMessage,
} from '../../../rpc/gen/stratum/v1/object.ts';
import type { DuplexHandler } from '../../../rpc/handlers.ts';
import { smallBlobsBytesMax } from '../../../rpc/limits.ts';
import { mapInOrder } from '../../../rpc/map-in-order.ts';
import { untilEnding } from '../../../rpc/until-ending.ts';
import type { PutFate, SmallBlob } from '../../../store/blob-store.ts';
import { questionOidsMax, smallBlobGroupsMax } from '../object-limits.ts';
import type { ObjectModules } from '../object-modules.ts';
import { fenceField, invalidField } from '../request-fields.ts';

const noError = Buffer.alloc(0);

/**
 * ObjectService.PutBlobs: groups of small blobs. Each group is answered in its turn when all of it
 * is decided; later groups are stored meanwhile, a bounded number of them, so that they share
 * commits. Who sends a group with an old fence shares the stream with others: it is told so for each
 * blob. A message that breaks the contract ends the stream.
 */
export function putBlobs(modules: ObjectModules): DuplexHandler<PutBlobsRequest, PutBlobsResponse> {
  return (requests, { signal, ending }) =>
    mapInOrder(untilEnding(endOnAbort(requests, signal), ending), smallBlobGroupsMax, (request) =>
      putGroup(request, modules),
    );
}

async function putGroup({ fence, blobs }: PutBlobsRequest, modules: ObjectModules): Promise<PutBlobsResponse> {
  checkSize(blobs);
  const sent = fenceField(fence);
  try {
    await modules.fence.admit(sent);
  } catch (error) {
    if (!hasCode(error, 'STALE_TERM') && !hasCode(error, 'STALE_EPOCH')) throw error;
    return { results: blobs.map(({ oid }) => resultOf(oid, error)) };
  }
  const named: (SmallBlob | StratumError)[] = blobs.map(nameBlob);
  const good = named.filter((blob): blob is SmallBlob => !(blob instanceof StratumError));
  const fates = (await modules.store.putMany(good)).values();
  return {
    results: named.map((blob, index) => {
      const fate = blob instanceof StratumError ? blob : fates.next().value;
      return resultOf(blobs[index]?.oid ?? noError, fate);
    }),
  };
}

function checkSize(blobs: readonly SmallBlobMessage[]): void {
  if (blobs.length > questionOidsMax) {
    throw invalidField('blobs', `${blobs.length} blobs in one message`, `at most ${questionOidsMax}`);
  }
  let bytes = 0;
  for (const { content } of blobs) bytes += content.length;
  if (bytes <= smallBlobsBytesMax) return;
  const expected = `at most ${smallBlobsBytesMax}; PutBlob takes larger ones`;
  throw invalidField('blobs', `${bytes} bytes in one message`, expected);
}

/** A malformed id is the fate of its blob alone. */
function nameBlob({ oid, content }: SmallBlobMessage): SmallBlob | StratumError {
  try {
    return { oid: oidFromBytes(oid, 'blobs.oid'), content };
  } catch (error) {
    return asStratumError(error);
  }
}

function resultOf(oid: Buffer, fate: PutFate | undefined): PutBlobResult {
  if (fate === undefined) throw new StratumError('INTERNAL', 'the store answers for each blob');
  if (!(fate instanceof StratumError)) return { oid, stored: true, existed: fate.existed, error: noError };
  const detail = ErrorDetail.encode(encodeErrorDetail(fate)).finish();
  return { oid, stored: false, existed: false, error: Buffer.from(detail) };
}

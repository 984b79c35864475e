import { assert, hasCode, type StratumError } from '../../../base/errors.ts';
import type { Oid } from '../../../base/oid.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { encodePresence } from '../../../replication/presence-codec.ts';
import { encodeErrorDetail } from '../../../rpc/error-detail.ts';
import { ErrorDetail } from '../../../rpc/gen/stratum/v1/errors.ts';
import type { GetBlobResult, GetBlobsRequest, GetBlobsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { DuplexHandler } from '../../../rpc/handlers.ts';
import { smallBlobsBytesMax } from '../../../rpc/limits.ts';
import { untilEnding } from '../../../rpc/until-ending.ts';
import type { BlobStore, SmallBlobAnswer } from '../../../store/blob-store.ts';
import type { ObjectModules } from '../object-modules.ts';
import { oidsField } from '../request-fields.ts';

const nothing = Buffer.alloc(0);

/** ObjectService.GetBlobs: small blobs in the order asked for, as many to a message as fit. */
export function getBlobs({ store }: ObjectModules): DuplexHandler<GetBlobsRequest, GetBlobsResponse> {
  return async function* (requests, { signal, ending }) {
    for await (const request of untilEnding(endOnAbort(requests, signal), ending)) {
      const oids = oidsField(request.oids);
      for (let from = 0; from < oids.length; ) {
        signal.throwIfAborted();
        const answers = await readSome(store, from === 0 ? oids : oids.slice(from));
        yield { results: answers.map((answer, index) => resultOf(request.oids[from + index], answer)) };
        from += answers.length;
      }
      if (oids.length === 0) yield { results: [] };
    }
  };
}

/** The first answers that fit in a message; a blob that alone does not is answered with its error. */
async function readSome(store: BlobStore, oids: readonly Oid[]): Promise<readonly (SmallBlobAnswer | StratumError)[]> {
  try {
    return await store.getMany(oids, smallBlobsBytesMax);
  } catch (error) {
    if (hasCode(error, 'TOO_LARGE')) return [error];
    throw error;
  }
}

function resultOf(oid: Buffer | undefined, answer: SmallBlobAnswer | StratumError): GetBlobResult {
  assert(oid !== undefined, 'the store answers no more than it is asked');
  if ('code' in answer) {
    const detail = ErrorDetail.encode(encodeErrorDetail(answer)).finish();
    return { oid, presence: encodePresence('UNKNOWN'), content: nothing, error: Buffer.from(detail) };
  }
  const content = answer.presence === 'PRESENT' ? answer.content : nothing;
  return { oid, presence: encodePresence(answer.presence), content, error: nothing };
}

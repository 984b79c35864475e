import { assert } from '../../../base/errors.ts';
import { endOnAbort } from '../../../replication/end-on-abort.ts';
import { encodePresence } from '../../../replication/presence-codec.ts';
import type { GetBlobResult, GetBlobsRequest, GetBlobsResponse } from '../../../rpc/gen/stratum/v1/object.ts';
import type { DuplexHandler } from '../../../rpc/handlers.ts';
import { smallBlobsBytesMax } from '../../../rpc/limits.ts';
import type { SmallBlobAnswer } from '../../../store/blob-store.ts';
import type { ObjectModules } from '../object-modules.ts';
import { oidsField } from '../request-fields.ts';

/** ObjectService.GetBlobs: small blobs in the order asked for, as many to a message as fit. */
export function getBlobs({ store }: ObjectModules): DuplexHandler<GetBlobsRequest, GetBlobsResponse> {
  return async function* (requests, { signal }) {
    for await (const request of endOnAbort(requests, signal)) {
      const oids = oidsField(request.oids);
      for (let from = 0; from < oids.length; ) {
        signal.throwIfAborted();
        const asked = oids.slice(from);
        const answers = await store.getMany(asked, smallBlobsBytesMax);
        yield { results: answers.map((answer, index) => resultOf(request.oids[from + index], answer)) };
        from += answers.length;
      }
      if (oids.length === 0) yield { results: [] };
    }
  };
}

function resultOf(oid: Buffer | undefined, answer: SmallBlobAnswer): GetBlobResult {
  assert(oid !== undefined, 'the store answers no more than it is asked');
  const content = answer.presence === 'PRESENT' ? answer.content : Buffer.alloc(0);
  return { oid, presence: encodePresence(answer.presence), content };
}

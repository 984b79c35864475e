import { StratumError } from '../../base/errors.ts';
import { type Oid, oidToBytes } from '../../base/oid.ts';
import { decodeErrorDetail } from '../../rpc/error-detail.ts';
import { ErrorDetail } from '../../rpc/gen/stratum/v1/errors.ts';
import type { GetBlobsRequest, GetBlobsResponse } from '../../rpc/gen/stratum/v1/object.ts';
import type { SmallBlobAnswer } from '../../store/blob-store.ts';
import { decodePresence } from '../presence-codec.ts';
import type { SharedStreamCodec } from './shared-stream.ts';

/** Bytes that a question takes in a message. */
const questionBytes = 34;

/** Questions for small blobs as messages of GetBlobs. An error is about the one blob that it answers for. */
export const getBlobsCodec: SharedStreamCodec<Oid, GetBlobsRequest, GetBlobsResponse, SmallBlobAnswer | StratumError> =
  {
    bytesOf: () => questionBytes,
    encode: (items) => ({ oids: items.map(oidToBytes) }),
    decode: ({ results }, items) =>
      results.map(({ oid, presence, content, error }, index) => {
        if (oid.toString('hex') !== items[index]) {
          throw new StratumError('DATA_CORRUPT', 'GetBlobs was answered for another blob than was asked for');
        }
        if (error.length > 0) return decodeErrorDetail(ErrorDetail.decode(error));
        const said = decodePresence(presence);
        return said === 'PRESENT' ? { presence: said, content } : { presence: said };
      }),
  };

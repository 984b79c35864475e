import { StratumError } from '../../base/errors.ts';
import { oidToBytes } from '../../base/oid.ts';
import { decodeErrorDetail } from '../../rpc/error-detail.ts';
import { encodeFence } from '../../rpc/fence-codec.ts';
import { ErrorDetail } from '../../rpc/gen/stratum/v1/errors.ts';
import type { PutBlobsRequest, PutBlobsResponse } from '../../rpc/gen/stratum/v1/object.ts';
import type { PutFate, SmallBlob } from '../../store/blob-store.ts';
import type { Fence } from '../node-io.ts';
import type { SharedStreamCodec } from './shared-stream.ts';

/** Bytes that a blob takes in a message beside its content: its id, the tags and the lengths. */
const overheadBytes = 48;

/** A blob that was stored before, and one that was not; the same for all, so that none is made for each blob. */
const fates = { existed: { existed: true }, stored: { existed: false } } as const;

/** The key of a fence: blobs of different fences are not put in one message. */
export function keyOfFence({ term, ringEpoch }: Fence): string {
  return `${term}/${ringEpoch}`;
}

function fenceOfKey(key: string): Fence {
  const [term = '', ringEpoch = ''] = key.split('/');
  return { term: BigInt(term), ringEpoch: BigInt(ringEpoch) };
}

/** Small blobs as messages of PutBlobs. */
export const putBlobsCodec: SharedStreamCodec<SmallBlob, PutBlobsRequest, PutBlobsResponse, PutFate> = {
  bytesOf: ({ content }) => content.length + overheadBytes,
  encode: (items, key) => ({
    fence: encodeFence(fenceOfKey(key)),
    blobs: items.map(({ oid, content }) => ({ oid: oidToBytes(oid), content })),
  }),
  decode: ({ results }, items) =>
    results.map(({ oid, stored, existed, error }, index) => {
      if (oid.toString('hex') !== items[index]?.oid) {
        throw new StratumError('DATA_CORRUPT', 'PutBlobs was answered for another blob than was sent');
      }
      if (stored) return existed ? fates.existed : fates.stored;
      return decodeErrorDetail(ErrorDetail.decode(error));
    }),
};

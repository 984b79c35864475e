import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlobPresence, GetBlobsResponse, PutBlobsRequest } from '../../../src/rpc/gen/stratum/v1/object.ts';
import {
  decodeGetBlobsResponse,
  decodePutBlobsRequest,
  encodeGetBlobsResponse,
  encodePutBlobsRequest,
} from '../../../src/rpc/small-blob-codec.ts';

/** Lengths around the steps of a varint, and short ones. */
const bytes = fc
  .oneof(fc.nat({ max: 40 }), fc.constantFrom(127, 128, 16_383, 16_384))
  .chain((length) => fc.nat({ max: 255 }).map((fill) => Buffer.alloc(length, fill)));
const presences = [
  BlobPresence.UNSPECIFIED,
  BlobPresence.PRESENT,
  BlobPresence.MISSING,
  BlobPresence.CORRUPT,
  BlobPresence.UNKNOWN,
];
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const putRequests = fc.record({
  fence: fc.option(fc.record({ term: uint64, ringEpoch: uint64 }), { nil: undefined }),
  blobs: fc.array(fc.record({ oid: bytes, content: bytes }), { maxLength: 8 }),
});
const getResponses = fc.record({
  results: fc.array(fc.record({ oid: bytes, presence: fc.constantFrom(...presences), content: bytes, error: bytes }), {
    maxLength: 8,
  }),
});

/** Whatever a decoder makes of bytes, its refusal included. */
function outcome<T>(decode: (message: Buffer) => T, message: Buffer): T | 'refused' {
  try {
    return decode(message);
  } catch {
    return 'refused';
  }
}

describe('the codec of small blobs', () => {
  it('writes what the generated encoder writes, byte for byte', () => {
    fc.assert(
      fc.property(putRequests, getResponses, (request, response) => {
        expect(encodePutBlobsRequest(request).equals(PutBlobsRequest.encode(request).finish())).toBe(true);
        expect(encodeGetBlobsResponse(response).equals(GetBlobsResponse.encode(response).finish())).toBe(true);
      }),
    );
  });

  it('reads what the generated encoder has written, as the generated decoder does', () => {
    fc.assert(
      fc.property(putRequests, getResponses, (request, response) => {
        const asked = Buffer.from(PutBlobsRequest.encode(request).finish());
        const answered = Buffer.from(GetBlobsResponse.encode(response).finish());
        // Not toEqual: it looks at every byte of every buffer one by one.
        const read = [decodePutBlobsRequest(asked), decodeGetBlobsResponse(answered)];
        expect(isDeepStrictEqual(read, [PutBlobsRequest.decode(asked), GetBlobsResponse.decode(answered)])).toBe(true);
      }),
    );
  });

  // The generated decoder reads a cut fence beyond its end; ours refuses it.
  it('refuses bytes that were cut, flipped or followed by others, or reads them as the generated decoder does', () => {
    fc.assert(
      fc.property(
        putRequests,
        getResponses,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.uint8Array({ maxLength: 8 }),
        (...given) => {
          const [request, response, where, flip, tail] = given;
          for (const [message, ours, theirs] of [
            [encodePutBlobsRequest(request), decodePutBlobsRequest, (b: Buffer) => PutBlobsRequest.decode(b)],
            [encodeGetBlobsResponse(response), decodeGetBlobsResponse, (b: Buffer) => GetBlobsResponse.decode(b)],
          ] as const) {
            const at = message.length === 0 ? 0 : where % message.length;
            const flipped = Buffer.from(message);
            if (flipped.length > 0) flipped[at] = (flipped[at] ?? 0) ^ flip;
            for (const bad of [message.subarray(0, at), flipped, Buffer.concat([message, tail])]) {
              const read = outcome<unknown>(ours, bad);
              if (read !== 'refused') expect(isDeepStrictEqual(read, outcome<unknown>(theirs, bad))).toBe(true);
            }
          }
        },
      ),
    );
  });
});

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BlobPresence,
  GetBlobsRequest,
  GetBlobsResponse,
  PutBlobsRequest,
  PutBlobsResponse,
} from '../../../src/rpc/gen/stratum/v1/object.ts';
import {
  decodeGetBlobsRequest,
  decodeGetBlobsResponse,
  decodePutBlobsRequest,
  decodePutBlobsResponse,
  encodeGetBlobsRequest,
  encodeGetBlobsResponse,
  encodePutBlobsRequest,
  encodePutBlobsResponse,
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
  fence: fc.option(fc.record({ term: uint64, ringEpoch: uint64, checksum: fc.nat(2 ** 32 - 1) }), { nil: undefined }),
  blobs: fc.array(fc.record({ oid: bytes, content: bytes }), { maxLength: 8 }),
});
const getResponses = fc.record({
  results: fc.array(fc.record({ oid: bytes, presence: fc.constantFrom(...presences), content: bytes, error: bytes }), {
    maxLength: 8,
  }),
});

const getRequests = fc.record({ oids: fc.array(bytes, { maxLength: 8 }) });
const putResponses = fc.record({
  results: fc.array(fc.record({ oid: bytes, stored: fc.boolean(), existed: fc.boolean(), error: bytes }), {
    maxLength: 8,
  }),
});

/** One message of each kind, with both ways to write and to read it. */
const messages = fc
  .record({ put: putRequests, got: getResponses, asked: getRequests, stored: putResponses })
  .map(({ put, got, asked, stored }) => [
    {
      ours: encodePutBlobsRequest(put),
      theirs: PutBlobsRequest.encode(put).finish(),
      read: (message: Buffer): unknown => decodePutBlobsRequest(message),
      readTheirs: (message: Buffer): unknown => PutBlobsRequest.decode(message),
    },
    {
      ours: encodeGetBlobsResponse(got),
      theirs: GetBlobsResponse.encode(got).finish(),
      read: (message: Buffer): unknown => decodeGetBlobsResponse(message),
      readTheirs: (message: Buffer): unknown => GetBlobsResponse.decode(message),
    },
    {
      ours: encodeGetBlobsRequest(asked),
      theirs: GetBlobsRequest.encode(asked).finish(),
      read: (message: Buffer): unknown => decodeGetBlobsRequest(message),
      readTheirs: (message: Buffer): unknown => GetBlobsRequest.decode(message),
    },
    {
      ours: encodePutBlobsResponse(stored),
      theirs: PutBlobsResponse.encode(stored).finish(),
      read: (message: Buffer): unknown => decodePutBlobsResponse(message),
      readTheirs: (message: Buffer): unknown => PutBlobsResponse.decode(message),
    },
  ]);

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
      fc.property(messages, (all) => {
        for (const { ours, theirs } of all) expect(ours.equals(theirs)).toBe(true);
      }),
    );
  });

  it('leaves the head of the room that it is given alone, and writes behind it', () => {
    const room = { headBytes: 5, take: (length: number) => Buffer.alloc(length, 7) };
    const oids = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const written = encodeGetBlobsRequest({ oids }, room);
    expect(written.subarray(0, 5)).toEqual(Buffer.alloc(5, 7));
    expect(decodeGetBlobsRequest(written.subarray(5))).toEqual({ oids });
  });

  it('reads what the generated encoder has written, as the generated decoder does', () => {
    fc.assert(
      fc.property(messages, (all) => {
        for (const { theirs, read, readTheirs } of all) {
          const message = Buffer.from(theirs);
          // Not toEqual: it looks at every byte of every buffer one by one.
          expect(isDeepStrictEqual(read(message), readTheirs(message))).toBe(true);
        }
      }),
    );
  });

  // The generated decoder reads a cut fence beyond its end; ours refuses it.
  it('refuses bytes that were cut, flipped or followed by others, or reads them as the generated decoder does', () => {
    const damage = fc.record({ where: fc.nat(), flip: fc.nat({ max: 255 }), tail: fc.uint8Array({ maxLength: 8 }) });
    fc.assert(
      fc.property(messages, damage, (all, { where, flip, tail }) => {
        for (const { ours: message, read, readTheirs } of all) {
          const at = message.length === 0 ? 0 : where % message.length;
          const flipped = Buffer.from(message);
          if (flipped.length > 0) flipped[at] = (flipped[at] ?? 0) ^ flip;
          for (const bad of [message.subarray(0, at), flipped, Buffer.concat([message, tail])]) {
            const got = outcome(read, bad);
            if (got !== 'refused') expect(isDeepStrictEqual(got, outcome(readTheirs, bad))).toBe(true);
          }
        }
      }),
    );
  });
});

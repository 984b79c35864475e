import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GetBlobResponse, ObjectServiceService, PutBlobRequest } from '../../../src/rpc/gen/stratum/v1/object.ts';

// scripts/generate.mjs puts a serializer of its own where chunks of blobs are sent.
describe('the serializers of blob streams', () => {
  const { requestSerialize, requestDeserialize } = ObjectServiceService.putBlob;
  const { responseSerialize, responseDeserialize } = ObjectServiceService.getBlob;
  const chunks = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 65_536, 1 << 20).map((length) => new Uint8Array(length).fill(7)),
  );

  it('write a chunk of any length byte for byte as the generated encoder does', () => {
    fc.assert(
      fc.property(chunks, (bytes) => {
        const part = { $case: 'chunk', value: Buffer.from(bytes) } as const;
        expect(requestSerialize({ part }).equals(PutBlobRequest.encode({ part }).finish())).toBe(true);
        expect(responseSerialize({ part }).equals(GetBlobResponse.encode({ part }).finish())).toBe(true);
        expect(requestDeserialize(requestSerialize({ part }))).toEqual({ part });
        expect(responseDeserialize(responseSerialize({ part }))).toEqual({ part });
      }),
    );
  });

  it('write every other message as the generated encoder does', () => {
    const header = { oid: Buffer.alloc(32, 1), size: 2n ** 40n, fence: { term: 1n, ringEpoch: 2n, checksum: 3 } };
    const request = { part: { $case: 'header', value: header } } as const;
    expect(requestDeserialize(requestSerialize(request))).toEqual(request);
    const response = { part: { $case: 'size', value: 2n ** 63n } } as const;
    expect(responseDeserialize(responseSerialize(response))).toEqual(response);
    expect(requestSerialize({ part: undefined }).length).toBe(0);
  });
});

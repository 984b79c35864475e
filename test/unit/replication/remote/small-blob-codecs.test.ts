import { describe, expect, it } from 'vitest';
import { oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { getBlobsCodec } from '../../../../src/replication/remote/get-blobs-codec.ts';
import { keyOfFence, putBlobsCodec } from '../../../../src/replication/remote/put-blobs-codec.ts';
import { encodeFence } from '../../../../src/rpc/fence-codec.ts';
import { BlobPresence } from '../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../store/sample-blobs.ts';

const content = contentOf(10);
const oid = oidOf(content);
const other = oidToBytes(oidOf(contentOf(11)));
const nothing = Buffer.alloc(0);

describe('small blobs as messages', () => {
  it('carry the fence of their key', () => {
    const fence = { term: 2n ** 64n - 1n, ringEpoch: 7n };
    expect(putBlobsCodec.encode([{ oid, content }], keyOfFence(fence))).toEqual({
      fence: encodeFence(fence),
      blobs: [{ oid: oidToBytes(oid), content }],
    });
  });

  it('are matched by their ids: an answer for another blob is corrupt', () => {
    const stored = { oid: other, stored: true, existed: false, error: nothing };
    expect(() => putBlobsCodec.decode({ results: [stored] }, [{ oid, content }])).toThrow(
      expect.objectContaining({ code: 'DATA_CORRUPT' }),
    );
    const given = { oid: other, presence: BlobPresence.PRESENT, content, error: nothing };
    expect(() => getBlobsCodec.decode({ results: [given] }, [oid])).toThrow(
      expect.objectContaining({ code: 'DATA_CORRUPT' }),
    );
  });

  it('are not answered for by more results than were asked for', () => {
    const stored = { oid: oidToBytes(oid), stored: true, existed: false, error: nothing };
    expect(() => putBlobsCodec.decode({ results: [stored, stored] }, [{ oid, content }])).toThrow(
      expect.objectContaining({ code: 'DATA_CORRUPT' }),
    );
  });

  it('say of a presence that this version does not know that the node cannot say', () => {
    const given = { oid: oidToBytes(oid), presence: BlobPresence.UNSPECIFIED, content, error: nothing };
    expect(getBlobsCodec.decode({ results: [given] }, [oid])).toEqual([{ presence: 'UNKNOWN' }]);
  });
});

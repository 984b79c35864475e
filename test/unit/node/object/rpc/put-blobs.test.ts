import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf, oidToBytes } from '../../../../../src/base/oid.ts';
import { MiB } from '../../../../../src/base/units.ts';
import { putBlobs } from '../../../../../src/node/object/rpc/put-blobs.ts';
import { decodeErrorDetail } from '../../../../../src/rpc/error-detail.ts';
import { encodeFence } from '../../../../../src/rpc/fence-codec.ts';
import { ErrorDetail } from '../../../../../src/rpc/gen/stratum/v1/errors.ts';
import type { PutBlobsRequest, SmallBlob } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, fenceMessage, type SampleObject, sampleObject, streamOf } from '../sample-object.ts';

const blob = (content: Buffer, named = content): SmallBlob => ({ oid: oidToBytes(oidOf(named)), content });
const group = (...blobs: SmallBlob[]): PutBlobsRequest => ({ fence: fenceMessage, blobs });

describe('PutBlobs', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const put = (...requests: PutBlobsRequest[]) => Array.fromAsync(putBlobs(node)(streamOf(...requests), call));

  it('stores all of many groups and answers for each blob', async () => {
    const groups = Array.from({ length: 30 }, (_, index) =>
      group(blob(contentOf(100, index)), blob(contentOf(200, index))),
    );
    const responses = await put(...groups);
    const results = responses.flatMap((response) => response.results);
    expect(results).toHaveLength(60);
    expect(results.filter(({ stored, existed }) => !stored || existed)).toEqual([]);
    expect(await node.store.stats()).toMatchObject({ blobCount: 60 });
    const [again] = await put(group(blob(contentOf(100, 0))));
    expect(again?.results).toMatchObject([{ stored: true, existed: true }]);
  });

  it('answers before it has been sent everything', async () => {
    const asked: number[] = [];
    const requests = async function* () {
      for (let index = 0; index < 40; index += 1) {
        asked.push(index);
        yield group(blob(contentOf(10, index)));
      }
    };
    const responses = putBlobs(node)(requests(), call)[Symbol.asyncIterator]();
    await responses.next();
    expect(asked.length).toBeLessThan(40);
    await responses.return?.();
  });

  it('tells each blob’s own fate, with the typed error', async () => {
    const good = contentOf(100, 1);
    const wrong = contentOf(100, 2);
    const [response] = await put(
      group(blob(good), blob(wrong, contentOf(100, 3)), { oid: Buffer.alloc(5), content: good }),
    );
    expect(response?.results.map(({ stored }) => stored)).toEqual([true, false, false]);
    const errors = response?.results.slice(1).map(({ error }) => decodeErrorDetail(ErrorDetail.decode(error)).code);
    expect(errors).toEqual(['CHECKSUM_MISMATCH', 'INVALID_ARGUMENT']);
    expect(await node.store.stats()).toMatchObject({ blobCount: 1 });
  });

  it('refuses a message above 4 MiB', async () => {
    const large = Array.from({ length: 5 }, (_, index) => blob(Buffer.alloc(MiB, index)));
    await expect(put(group(...large))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'blobs' } });
    expect(await node.store.stats()).toMatchObject({ blobCount: 0 });
  });

  it('refuses a missing fence, and ends the stream', async () => {
    await expect(put({ fence: undefined, blobs: [] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('refuses each blob of a group whose fence is behind, and goes on with the next group', async () => {
    await node.fence.raise({ term: 1n, ringEpoch: 9n });
    const current = { ...group(blob(contentOf(3))), fence: encodeFence({ term: 3n, ringEpoch: 9n }) };
    const [refused, stored] = await put(group(blob(contentOf(1)), blob(contentOf(2))), current);
    const codes = refused?.results.map(({ error }) => decodeErrorDetail(ErrorDetail.decode(error)).code);
    expect(codes).toEqual(['STALE_EPOCH', 'STALE_EPOCH']);
    expect(stored?.results).toMatchObject([{ stored: true }]);
    expect(await node.store.stats()).toMatchObject({ blobCount: 1 });
  });

  it('answers a group at once, while its caller keeps the stream open', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    const requests = async function* () {
      yield group(blob(contentOf(10)));
      await never;
    };
    const responses = putBlobs(node)(requests(), call)[Symbol.asyncIterator]();
    expect((await responses.next()).value?.results).toMatchObject([{ stored: true }]);
  });

  it('ends without an error when the process wants to stop, after what it has been sent', async () => {
    const stopping = new AbortController();
    const requests = async function* () {
      yield group(blob(contentOf(10)));
      stopping.abort();
      await new Promise(() => undefined);
    };
    const responses = putBlobs(node)(requests(), { ...call, ending: stopping.signal });
    expect(await Array.fromAsync(responses)).toHaveLength(1);
  });

  it('takes an empty group, an empty blob, and the same blob twice in one group', async () => {
    const empty = Buffer.alloc(0);
    const responses = await put(group(), group(blob(empty), blob(contentOf(9)), blob(contentOf(9))));
    expect(responses.map(({ results }) => results.map(({ stored }) => stored))).toEqual([[], [true, true, true]]);
    expect(await node.store.presence(oidOf(empty))).toBe('PRESENT');
  });

  it('refuses more than 10,000 blobs in a message', async () => {
    const many = Array.from({ length: 10_001 }, () => blob(Buffer.alloc(0)));
    await expect(put(group(...many))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'blobs' } });
  });

  it('tells the malformed ids among ten thousand from the good ones', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      index % 100 === 7
        ? { oid: Buffer.alloc(index % 64 === 32 ? 31 : index % 64), content: Buffer.alloc(0) }
        : blob(Buffer.alloc(0)),
    );
    const [response] = await put(group(...many));
    expect(response?.results.map(({ stored }) => stored)).toEqual(many.map((_, index) => index % 100 !== 7));
  });

  it('ends with its caller', async () => {
    const controller = new AbortController();
    controller.abort(new Error('gone'));
    const responses = putBlobs(node)(streamOf(group()), { ...call, signal: controller.signal });
    await expect(Array.fromAsync(responses)).rejects.toThrow('gone');
  });
});

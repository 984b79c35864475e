import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { oidOf } from '../../../../../src/base/oid.ts';
import { MiB } from '../../../../../src/base/units.ts';
import { putBlob } from '../../../../../src/node/object/rpc/put-blob.ts';
import { encodeFence } from '../../../../../src/rpc/fence-codec.ts';
import type { PutBlobRequest } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, chunk, fence, header, type SampleObject, sampleObject, streamOf } from '../sample-object.ts';

const content = contentOf(1_000);
const oid = oidOf(content);

describe('PutBlob', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const put = (...parts: PutBlobRequest[]) => putBlob(node)(streamOf(...parts), call);

  it('stores what comes in chunks, and says whether it was there', async () => {
    const parts = [header(content), chunk(content.subarray(0, 300)), chunk(content.subarray(300))];
    expect(await put(...parts)).toEqual({ existed: false });
    expect(await node.store.verify(oid)).toBe('PRESENT');
    expect(await put(...parts)).toEqual({ existed: true });
  });

  it('stores an empty blob, which needs no chunk', async () => {
    expect(await put(header(Buffer.alloc(0)))).toEqual({ existed: false });
    expect(await node.store.presence(oidOf(Buffer.alloc(0)))).toBe('PRESENT');
  });

  it('remembers the highest fence and refuses a lower one before a chunk is read', async () => {
    await put(header(content, { fence: encodeFence({ term: 7n, ringEpoch: 2n }) }), chunk(content));
    let read = 0;
    const requests = async function* () {
      yield header(content);
      read += 1;
      yield chunk(content);
    };
    await expect(putBlob(node)(requests(), call)).rejects.toMatchObject({
      code: 'STALE_TERM',
      details: { fence: 'term', sent: fence.term, current: 7n },
    });
    expect(read).toBe(0);
  });

  const nothing: PutBlobRequest = { part: undefined };
  it.each([
    { fault: 'nothing at all', parts: [], field: 'part' },
    { fault: 'an empty first message', parts: [nothing], field: 'part' },
    { fault: 'a chunk before the header', parts: [chunk(content), header(content)], field: 'part' },
    { fault: 'a second header', parts: [header(content), chunk(content), header(content)], field: 'part' },
    { fault: 'an empty message among the chunks', parts: [header(content), nothing], field: 'part' },
    { fault: 'an id of 31 bytes', parts: [header(content, { oid: Buffer.alloc(31) })], field: 'header.oid' },
    { fault: 'an id of 33 bytes', parts: [header(content, { oid: Buffer.alloc(33) })], field: 'header.oid' },
    { fault: 'a size beyond counting', parts: [header(content, { size: 2n ** 64n - 1n })], field: 'header.size' },
    { fault: 'no fence', parts: [header(content, { fence: undefined }), chunk(content)], field: 'fence' },
    { fault: 'a size that is too small', parts: [header(content, { size: 999n }), chunk(content)], field: 'size' },
    { fault: 'a size that is too large', parts: [header(content, { size: 1_001n }), chunk(content)], field: 'size' },
    { fault: 'a chunk above 1 MiB', parts: [header(content), chunk(Buffer.alloc(MiB + 1))], field: 'chunk' },
  ])('refuses $fault and names the field', async ({ parts, field }) => {
    const details = expect.objectContaining({ field });
    await expect(put(...parts)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details });
    expect(await node.store.stats()).toMatchObject({ blobCount: 0 });
  });

  it('refuses content that does not hash to its id', async () => {
    const other = contentOf(1_000, 2);
    await expect(put(header(content), chunk(other))).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { expected: oid, got: oidOf(other) },
    });
    expect(await node.store.presence(oid)).toBe('MISSING');
  });

  it('ends with the refusal of the store although its caller has fallen silent', async () => {
    const silent = async function* () {
      yield header(content);
      yield chunk(content.subarray(0, 10));
      await new Promise(() => undefined);
    };
    vi.spyOn(node.store, 'put').mockImplementation(async (_oid, _size, chunks) => {
      const iterator = chunks[Symbol.asyncIterator]();
      await iterator.next();
      iterator.next().catch(() => undefined);
      throw new StratumError('DEADLINE_EXCEEDED', 'nothing comes', { endpoint: 'the caller' });
    });
    await expect(putBlob(node)(silent(), call)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('ends with its caller, who hangs in the middle, and keeps nothing', async () => {
    const controller = new AbortController();
    const hanging = async function* () {
      yield header(content);
      yield chunk(content.subarray(0, 10));
      controller.abort(new Error('the caller went away'));
      await new Promise(() => undefined);
    };
    const putting = putBlob(node)(hanging(), { ...call, signal: controller.signal });
    await expect(putting).rejects.toThrow('the caller went away');
    expect(await node.store.presence(oid)).toBe('MISSING');
    expect(await put(header(content), chunk(content))).toEqual({ existed: false });
    expect(await node.store.delete(oid)).toBe(true);
  });
});

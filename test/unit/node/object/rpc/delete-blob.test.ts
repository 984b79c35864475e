import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Oid, oidToBytes } from '../../../../../src/base/oid.ts';
import { deleteBlob } from '../../../../../src/node/object/rpc/delete-blob.ts';
import type { DeleteBlobRequest } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, fenceMessage, type SampleObject, sampleObject } from '../sample-object.ts';

describe('DeleteBlob', () => {
  let node: SampleObject;
  let oid: Oid;

  beforeEach(async () => {
    node = await sampleObject();
    oid = await node.add(contentOf(100));
  });
  afterEach(() => node.remove());

  const remove = (request: Partial<DeleteBlobRequest> = {}) => {
    const storedBeforeMs = BigInt(node.clock.nowMs() + 1);
    return deleteBlob(node)({ oid: oidToBytes(oid), fence: fenceMessage, storedBeforeMs, ...request }, call);
  };

  it('deletes what was last put before the time, once', async () => {
    expect(await remove()).toEqual({ deleted: true });
    expect(await remove()).toEqual({ deleted: false });
    expect(await node.store.presence(oid)).toBe('MISSING');
  });

  it('keeps what has been put since', async () => {
    expect(await remove({ storedBeforeMs: BigInt(node.clock.nowMs()) })).toEqual({ deleted: false });
    expect(await node.store.presence(oid)).toBe('PRESENT');
  });

  it('keeps the blob when the fence is behind', async () => {
    await node.fence.raise({ term: 9n, ringEpoch: 9n });
    await expect(remove()).rejects.toMatchObject({ code: 'STALE_TERM' });
    expect(await node.store.presence(oid)).toBe('PRESENT');
  });

  it.each([
    { fault: 'no time', request: { storedBeforeMs: 0n }, field: 'stored_before_ms' },
    { fault: 'a time beyond counting', request: { storedBeforeMs: 2n ** 63n }, field: 'stored_before_ms' },
    { fault: 'no fence', request: { fence: undefined }, field: 'fence' },
    { fault: 'an id that is none', request: { oid: Buffer.alloc(1) }, field: 'oid' },
  ])('refuses $fault', async ({ request, field }) => {
    const details = expect.objectContaining({ field });
    await expect(remove(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details });
    expect(await node.store.presence(oid)).toBe('PRESENT');
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listBlobs } from '../../../../../src/node/object/rpc/list-blobs.ts';
import { BlobPresence, type ListBlobsRequest } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject } from '../sample-object.ts';

const whole: ListBlobsRequest = {
  positionFrom: 0n,
  positionTo: 2n ** 64n - 1n,
  cursor: Buffer.alloc(0),
  pageSize: 0,
};

describe('ListBlobs', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const list = (request: Partial<ListBlobsRequest> = {}) => listBlobs(node)({ ...whole, ...request }, call);

  it('lists everything, page after page', async () => {
    const oids = await Promise.all(Array.from({ length: 7 }, (_, seed) => node.add(contentOf(10, seed))));
    const first = await list({ pageSize: 4 });
    expect(first.entries[0]).toMatchObject({ size: 10n, storedAtMs: BigInt(node.clock.nowMs()) });
    const second = await list({ pageSize: 4, cursor: first.nextCursor });
    expect(second.nextCursor.length).toBe(0);
    const listed = [...first.entries, ...second.entries].map(({ oid }) => oid.toString('hex'));
    expect(listed).toEqual(oids.toSorted());
  });

  it('lists a copy in quarantine as what it is', async () => {
    const oid = await node.add(contentOf(10));
    node.store.damage(oid);
    expect((await list()).entries).toMatchObject([{ presence: BlobPresence.PRESENT }]);
    await node.store.verify(oid);
    expect((await list()).entries).toMatchObject([{ presence: BlobPresence.CORRUPT }]);
  });

  it('takes 1,000 for a page size that was not given', async () => {
    for (let seed = 0; seed < 1_001; seed += 1) await node.add(Buffer.from(String(seed)));
    const { entries, nextCursor } = await list();
    expect(entries).toHaveLength(1_000);
    expect(nextCursor.length).toBe(32);
  });

  it.each([
    { fault: 'a page above 10,000', request: { pageSize: 10_001 }, field: 'page_size' },
    { fault: 'a cursor that is no id', request: { cursor: Buffer.alloc(7) }, field: 'cursor' },
  ])('refuses $fault', async ({ request, field }) => {
    const details = expect.objectContaining({ field });
    await expect(list(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details });
  });
});

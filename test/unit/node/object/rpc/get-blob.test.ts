import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidToBytes } from '../../../../../src/base/oid.ts';
import { MiB } from '../../../../../src/base/units.ts';
import { getBlob } from '../../../../../src/node/object/rpc/get-blob.ts';
import type { GetBlobRequest } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf, oidAt } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject } from '../sample-object.ts';

describe('GetBlob', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const get = async (request: Partial<GetBlobRequest>) => {
    const whole = { oid: Buffer.alloc(32), offset: 0n, length: 0n, ...request };
    const [first, ...rest] = await Array.fromAsync(getBlob(node)(whole, call));
    const chunks = rest.map(({ part }) => (part?.$case === 'chunk' ? part.value : undefined));
    return {
      first,
      content: Buffer.concat(chunks.filter((part) => part !== undefined)),
      others: chunks.includes(undefined),
    };
  };

  it.each([0, 1, 3 * MiB])('sends the size first, then the %d bytes', async (bytes) => {
    const content = contentOf(bytes);
    const { first, content: got, others } = await get({ oid: oidToBytes(await node.add(content)) });
    expect(first).toEqual({ part: { $case: 'size', value: BigInt(bytes) } });
    expect(got.equals(content)).toBe(true);
    expect(others).toBe(false);
  });

  it.each([
    [10n, 0n, 10, 1_000],
    [10n, 5n, 10, 15],
    [990n, 100n, 990, 1_000],
    [1_000n, 0n, 1_000, 1_000],
  ])('sends the range from %d of length %d, and the size of the whole', async (offset, length, from, to) => {
    const content = contentOf(1_000);
    const { first, content: got } = await get({ oid: oidToBytes(await node.add(content)), offset, length });
    expect(first).toEqual({ part: { $case: 'size', value: 1_000n } });
    expect(got.equals(content.subarray(from, to))).toBe(true);
  });

  it('refuses what is no range of the blob, or no id', async () => {
    const oid = oidToBytes(await node.add(contentOf(100)));
    for (const request of [
      { oid, offset: 101n },
      { oid, offset: 2n ** 64n - 1n },
      { oid, length: 2n ** 60n },
    ]) {
      await expect(get(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(get({ oid: Buffer.alloc(20) })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('tells a blob that is missing from one that is damaged', async () => {
    const damaged = await node.add(contentOf(100));
    node.store.damage(damaged);
    await expect(get({ oid: oidToBytes(oidAt(1n)) })).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    await expect(get({ oid: oidToBytes(damaged) })).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });

  it('ends the read of a caller who leaves before the first chunk', async () => {
    const oid = await node.add(contentOf(100));
    let ended = 0;
    const chunks = { next: async () => ({ done: true as const, value: undefined }), return: async () => ended++ };
    node.store.read = async () => ({ size: 100, chunks: { [Symbol.asyncIterator]: () => chunks as never } });
    for await (const _ of getBlob(node)({ oid: oidToBytes(oid), offset: 0n, length: 0n }, call)) break;
    expect(ended).toBe(1);
  });
});

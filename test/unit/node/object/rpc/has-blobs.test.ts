import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidToBytes } from '../../../../../src/base/oid.ts';
import { hasBlobs } from '../../../../../src/node/object/rpc/has-blobs.ts';
import { BlobPresence } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf, oidAt } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject } from '../sample-object.ts';

describe('HasBlobs', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  it('answers in the order of the questions, with size and age of what is held', async () => {
    const oid = await node.add(contentOf(100));
    const oids = [oidAt(1n), oid, oid].map(oidToBytes);
    const held = {
      presence: BlobPresence.PRESENT,
      size: 100n,
      storedAtMs: BigInt(node.clock.nowMs()),
    };
    expect(await hasBlobs(node)({ oids, verify: false }, call)).toEqual({
      results: [
        { oid: oids[0], presence: BlobPresence.MISSING, size: 0n, storedAtMs: 0n },
        { oid: oids[1], ...held },
        { oid: oids[2], ...held },
      ],
    });
  });

  it('finds damage only where it is asked to verify, and knows it from then on', async () => {
    const oid = await node.add(contentOf(100));
    node.store.damage(oid);
    const ask = async (verify: boolean) =>
      (await hasBlobs(node)({ oids: [oidToBytes(oid)], verify }, call)).results[0]?.presence;
    expect(await ask(false)).toBe(BlobPresence.PRESENT);
    expect(await ask(true)).toBe(BlobPresence.CORRUPT);
    expect(await ask(false)).toBe(BlobPresence.CORRUPT);
  });

  it.each([
    { fault: 'an id of the wrong length', oids: [Buffer.alloc(20)], field: 'oids[0]' },
    { fault: 'too many ids', oids: Array<Buffer>(10_001).fill(Buffer.alloc(32)), field: 'oids' },
  ])('refuses $fault', async ({ oids, field }) => {
    const details = expect.objectContaining({ field });
    await expect(hasBlobs(node)({ oids, verify: false }, call)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details,
    });
  });

  it('hashes nothing more for a caller that went away', async () => {
    const controller = new AbortController();
    controller.abort(new Error('gone'));
    const request = { oids: [oidToBytes(oidAt(1n))], verify: true };
    await expect(hasBlobs(node)(request, { ...call, signal: controller.signal })).rejects.toThrow('gone');
  });
});

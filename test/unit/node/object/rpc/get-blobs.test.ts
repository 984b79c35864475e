import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Oid, oidToBytes } from '../../../../../src/base/oid.ts';
import { MiB } from '../../../../../src/base/units.ts';
import { getBlobs } from '../../../../../src/node/object/rpc/get-blobs.ts';
import { decodeErrorDetail } from '../../../../../src/rpc/error-detail.ts';
import { ErrorDetail } from '../../../../../src/rpc/gen/stratum/v1/errors.ts';
import { BlobPresence } from '../../../../../src/rpc/gen/stratum/v1/object.ts';
import { contentOf, oidAt } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject, streamOf } from '../sample-object.ts';

describe('GetBlobs', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  const get = (...groups: Oid[][]) =>
    Array.fromAsync(getBlobs(node)(streamOf(...groups.map((oids) => ({ oids: oids.map(oidToBytes) }))), call));

  it('answers in the order of the questions, also with what it does not have', async () => {
    const contents = [contentOf(100, 1), contentOf(0), contentOf(300, 2)];
    const oids = await Promise.all(contents.map((content) => node.add(content)));
    const damaged = await node.add(contentOf(50, 9));
    node.store.damage(damaged);
    const responses = await get([...oids, oidAt(1n), damaged], [oids[0] ?? damaged]);
    const results = responses.flatMap((response) => response.results);
    expect(results.map(({ oid }) => oid.toString('hex'))).toEqual([...oids, oidAt(1n), damaged, oids[0]]);
    expect(results.map(({ presence }) => presence)).toEqual([
      BlobPresence.PRESENT,
      BlobPresence.PRESENT,
      BlobPresence.PRESENT,
      BlobPresence.MISSING,
      BlobPresence.CORRUPT,
      BlobPresence.PRESENT,
    ]);
    expect(results[2]?.content.equals(contents[2] ?? Buffer.alloc(1))).toBe(true);
    expect(results[4]?.content.length).toBe(0);
  });

  it('sends no message above 4 MiB of content', async () => {
    const contents = Array.from({ length: 10 }, (_, seed) => Buffer.alloc(1.5 * MiB, seed));
    const responses = await get(await Promise.all(contents.map((content) => node.add(content))));
    const sums = responses.map(({ results }) => results.reduce((sum, { content }) => sum + content.length, 0));
    expect(Math.max(...sums)).toBeLessThanOrEqual(4 * MiB);
    expect(responses.flatMap(({ results }) => results)).toHaveLength(10);
  });

  it('answers for a blob that fits in no message with its error, which points to GetBlob, and goes on', async () => {
    const large = await node.add(Buffer.alloc(4 * MiB + 1));
    const small = await node.add(contentOf(10));
    const results = (await get([small, large, small])).flatMap((response) => response.results);
    expect(results.map(({ presence }) => presence)).toEqual([
      BlobPresence.PRESENT,
      BlobPresence.UNKNOWN,
      BlobPresence.PRESENT,
    ]);
    expect(decodeErrorDetail(ErrorDetail.decode(results[1]?.error ?? Buffer.alloc(0)))).toMatchObject({
      code: 'TOO_LARGE',
      hint: expect.stringContaining('GetBlob'),
    });
  });

  it('ends without an error when the process wants to stop', async () => {
    const stopping = new AbortController();
    const requests = async function* () {
      yield { oids: [oidToBytes(oidAt(1n))] };
      stopping.abort();
      await new Promise(() => undefined);
    };
    const responses = getBlobs(node)(requests(), { ...call, ending: stopping.signal });
    expect(await Array.fromAsync(responses)).toHaveLength(1);
  });

  it('names the malformed id among ten thousand, and refuses more than that', async () => {
    const ask = (oids: Buffer[]) => Array.fromAsync(getBlobs(node)(streamOf({ oids }), call));
    const good = Array.from({ length: 10_000 }, () => Buffer.alloc(32));
    await expect(ask(good.with(7_777, Buffer.alloc(33)))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'oids[7777]' },
    });
    await expect(ask([...good, Buffer.alloc(32)])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'oids' },
    });
  });

  it('refuses an id that is none', async () => {
    const asking = Array.fromAsync(getBlobs(node)(streamOf({ oids: [Buffer.alloc(3)] }), call));
    await expect(asking).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'oids[0]' } });
  });

  it('ends with its caller', async () => {
    const controller = new AbortController();
    controller.abort(new Error('gone'));
    const asking = Array.fromAsync(getBlobs(node)(streamOf({ oids: [] }), { ...call, signal: controller.signal }));
    await expect(asking).rejects.toThrow('gone');
  });
});

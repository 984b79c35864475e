import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../../src/base/oid.ts';
import { fromHttpError } from '../../../../../src/rpc/blob-http.ts';
import { contentOf, oidAt } from '../../../store/sample-blobs.ts';
import { headOf, type SampleListener, sampleListener, time } from './sample-listener.ts';

const content = contentOf(200_000);

describe('GET of a blob', () => {
  let listener: SampleListener;
  let oid: Oid;

  beforeEach(async () => {
    listener = await sampleListener();
    oid = await listener.node.add(content);
  });
  afterEach(() => listener.stop());

  const get = (headers: Record<string, string> = {}, of = oid) =>
    listener.ask('GET', `/blobs/${of}`, { ...time, ...headers });

  it.each([
    [undefined, 0, 200_000],
    ['bytes=0-', 0, 200_000],
    ['bytes=70000-', 70_000, 200_000],
    ['bytes=70000-70000', 70_000, 70_001],
    ['bytes=199999-999999', 199_999, 200_000],
    ['bytes=200000-', 200_000, 200_000],
  ])('gives the range %s, and the size of the whole', async (range, from, to) => {
    const { status, headers, body } = await get(range === undefined ? {} : { range });
    expect([status, headers['stratum-size']]).toEqual([200, '200000']);
    expect(body.equals(content.subarray(from, to))).toBe(true);
  });

  it('gives an empty blob', async () => {
    const empty = await listener.node.add(Buffer.alloc(0));
    expect(await get({}, empty)).toMatchObject({
      status: 200,
      headers: { 'stratum-size': '0' },
      body: Buffer.alloc(0),
    });
  });

  it.each(['bytes=200001-', 'bytes=5-4', 'bytes=-5', 'bytes=1-2,4-5', 'lines=1-2', `bytes=${'9'.repeat(30)}-`])(
    'refuses the range %s',
    async (range) => {
      expect(await get({ range })).toMatchObject({ status: 400, error: { code: 'INVALID_ARGUMENT' } });
    },
  );

  it('tells a blob that is missing from one that is damaged', async () => {
    expect(await get({}, oidAt(1n))).toMatchObject({ status: 404, error: { code: 'BLOB_NOT_FOUND' } });
    listener.node.store.damage(oid);
    expect(await get()).toMatchObject({ status: 500, error: { code: 'CHECKSUM_MISMATCH' } });
  });

  it('says in a trailer what went wrong in mid-stream', async () => {
    const damaged = new StratumError('CHECKSUM_MISMATCH', 'rot', { oid, expected: oid, got: oidOf(content) });
    listener.node.store.read = async () => ({
      size: 200_000,
      chunks: (async function* () {
        yield content.subarray(0, 1_000);
        throw damaged;
      })(),
    });
    const { status, body, trailers } = await get();
    expect([status, body.length]).toEqual([200, 1_000]);
    expect(fromHttpError(Buffer.from(trailers['stratum-error'] ?? '', 'base64'))).toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      message: 'rot',
    });
  });

  it('holds the reading of the disk back for a slow caller, and ends it when the caller leaves', async () => {
    let reads = 0;
    const ended = Promise.withResolvers<void>();
    const chunks: AsyncIterableIterator<Buffer> = {
      next: async () => {
        reads += 1;
        return { done: false, value: Buffer.alloc(100_000) };
      },
      return: async () => {
        ended.resolve();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => chunks,
    };
    listener.node.store.read = async () => ({ size: 100_000_000_000, chunks });
    const caller = listener.say(headOf('GET', `/blobs/${oid}`, time));
    await expect.poll(() => reads, { timeout: 5_000 }).toBeGreaterThan(0);
    caller.end();
    await ended.promise;
    expect(reads).toBeLessThan(100_000);
  });
});

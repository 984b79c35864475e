import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../src/base/errors.ts';
import { KiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { newContent, readWhole } from './blob-contents.ts';
import { FlippedRequests } from './flipped-requests.ts';

const flippedTimeoutMs = 250;
const soundTimeoutMs = 5_000;

const range = (count: number, step = 1) => Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
const isError = (end: unknown) => end instanceof StratumError;

// Writes come last: a node whose fence was raised by a flipped bit takes no write of this cluster any more.
describe('one flipped bit on the way to the node', () => {
  let requests: FlippedRequests;
  beforeAll(async () => {
    requests = await FlippedRequests.start();
  });
  afterAll(() => requests?.remove());

  /** Gives the id of a new blob, which the node did not have. */
  const putSound = async (bytes: number) => {
    const blob = new MemoryBlobSource(newContent(bytes));
    const end = await requests.sound((node) => node.put(blob, requests.fence, { timeoutMs: soundTimeoutMs }));
    expect(end).toEqual({ existed: false });
    return blob.oid;
  };

  it('never has a large blob called missing', async () => {
    const oid = await putSound(100 * KiB);
    const ends = await requests.flipped(range(180), async (node) =>
      readWhole(await node.get(oid, { offset: 0 }, { timeoutMs: flippedTimeoutMs })),
    );
    expect(ends.filter((end) => hasCode(end, 'BLOB_NOT_FOUND'))).toEqual([]);
    expect(ends.filter(isError).length).toBeGreaterThan(100);
  });

  it('never has a small blob of a stream called missing', async () => {
    const oid = await putSound(4 * KiB);
    // The request for the upgrade has some 110 bytes; the frame's head, the fence and the blob's id follow.
    const bytes = range(190, 3);
    const ends = await requests.flipped(bytes, (node) => node.getMany([oid], { timeoutMs: flippedTimeoutMs }));
    for (const [index, end] of ends.entries()) {
      const isTold = end instanceof StratumError ? !hasCode(end, 'BLOB_NOT_FOUND') : end[0]?.presence === 'PRESENT';
      expect(isTold, `byte ${bytes[index]}`).toBe(true);
    }
  });

  it('never fences the node off from writers of large blobs', async () => {
    const blob = new MemoryBlobSource(newContent(100 * KiB));
    const ends = await requests.flipped(range(300), (node) =>
      node.put(blob, requests.fence, { timeoutMs: flippedTimeoutMs }),
    );
    expect(ends.filter(isError).length).toBeGreaterThan(150);
    await putSound(100 * KiB);
  });

  it('never fences the node off from writers of a stream of small blobs', async () => {
    const ends = await requests.flipped(range(190), (node) =>
      node.put(new MemoryBlobSource(newContent(KiB)), requests.fence, { timeoutMs: flippedTimeoutMs }),
    );
    const fenced = ends.filter((end) => hasCode(end, 'STALE_TERM') || hasCode(end, 'STALE_EPOCH'));
    expect(fenced).toEqual([]);
    // Most flips behind the upgrade were found by its checksums.
    expect(ends.filter((end) => hasCode(end, 'DATA_CORRUPT')).length).toBeGreaterThan(30);
    await putSound(KiB);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../src/base/errors.ts';
import { oidOf } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import type { BlobStore, PutFate, SmallBlob } from '../../src/store/blob-store.ts';
import { chunksOf, contentOf, oidAt, putContent } from '../unit/store/sample-blobs.ts';
import type { BlobStorePlace } from './blob-store.ts';

const blobOf = (bytes: number, seed: number): SmallBlob => {
  const content = contentOf(bytes, seed);
  return { oid: oidOf(content), content };
};
const codeOf = (fate: PutFate | undefined) => (fate instanceof StratumError ? fate.code : fate);
const fresh = { existed: false };
const renewed = { existed: true };

/** What every blob store promises of many small blobs in one call. */
export function describeBlobStoreBatches(name: string, open: () => Promise<BlobStorePlace>): void {
  describe(`${name} with many blobs in one call`, () => {
    let place: BlobStorePlace;
    let store: BlobStore;

    beforeEach(async () => {
      place = await open();
      ({ store } = place);
    });
    afterEach(() => place.remove());

    const fates = async (blobs: readonly SmallBlob[]) => (await store.putMany(blobs)).map(codeOf);
    const get = async (blobs: readonly SmallBlob[], bytesMax = 64 * MiB) =>
      (
        await store.getMany(
          blobs.map(({ oid }) => oid),
          bytesMax,
        )
      ).map((answer) => (answer.presence === 'PRESENT' ? oidOf(answer.content) : answer.presence));

    it('stores each, tells which existed, and gives them in the order of the questions', async () => {
      // Sizes on both sides of the threshold between index and files, and an empty blob.
      const blobs = [1_000, 0, 64 * KiB, 64 * KiB + 1, 300 * KiB].map((bytes, seed) => blobOf(bytes, seed));
      const first = blobs.slice(1, 3);
      expect(await fates(first)).toEqual([fresh, fresh]);
      expect(await fates(blobs)).toEqual([fresh, renewed, renewed, fresh, fresh]);
      const asked = blobs.toReversed();
      expect(await get(asked)).toEqual(asked.map(({ oid }) => oid));
      expect(await store.stats()).toMatchObject({ blobCount: 5, quarantinedCount: 0 });
    });

    it('takes and gives nothing when asked for nothing', async () => {
      expect(await store.putMany([])).toEqual([]);
      expect(await store.getMany([], 100)).toEqual([]);
    });

    it('renews the age of those that exist', async () => {
      const blobs = [10, 20, 70 * KiB].map((bytes, seed) => blobOf(bytes, seed));
      await store.putMany(blobs);
      place.clock.advance(5_000);
      expect(await fates(blobs)).toEqual([renewed, renewed, renewed]);
      for (const { oid } of blobs) expect((await store.stat(oid))?.storedAtMs).toBe(place.clock.nowMs());
    });

    it.each([100, 100 * KiB])('stores a blob of %s bytes once that comes twice in one call', async (bytes) => {
      const blob = blobOf(bytes, 1);
      const answers = await fates([blob, blobOf(bytes, 2), blob]);
      // Which of the two is first is the store's own affair.
      expect([answers[0], answers[2]]).toEqual(expect.arrayContaining([fresh, renewed]));
      expect(await store.stats()).toMatchObject({ blobCount: 2 });
      expect(await store.verify(blob.oid)).toBe('PRESENT');
    });

    it.each([100, 100 * KiB])(
      'refuses the one of %s bytes that is not what its id says, and stores the others',
      async (bytes) => {
        const [good, other, third] = [blobOf(bytes, 1), blobOf(bytes, 2), blobOf(bytes, 3)];
        const wrong = { oid: third.oid, content: contentOf(bytes, 4) };
        expect(await fates([good, wrong, other])).toEqual([fresh, 'CHECKSUM_MISMATCH', fresh]);
        expect(await get([good, wrong, other])).toEqual([good.oid, 'MISSING', other.oid]);
        expect(await store.stats()).toMatchObject({ blobCount: 2 });
      },
    );

    it('refuses wrong content beside the right one of the same id, and keeps the right one', async () => {
      const good = blobOf(100, 1);
      const wrong = { oid: good.oid, content: contentOf(100, 2) };
      expect(await fates([wrong, good, wrong])).toEqual(['CHECKSUM_MISMATCH', fresh, 'CHECKSUM_MISMATCH']);
      expect(await get([good])).toEqual([good.oid]);
    });

    it.each([
      { title: 'all that fit exactly', bytesMax: 300, count: 3 },
      { title: 'none beyond the limit', bytesMax: 299, count: 2 },
      { title: 'the first alone', bytesMax: 100, count: 1 },
    ])('gives $title', async ({ bytesMax, count }) => {
      const blobs = [1, 2, 3].map((seed) => blobOf(100, seed));
      await store.putMany(blobs);
      expect(await get(blobs, bytesMax)).toEqual(blobs.slice(0, count).map(({ oid }) => oid));
    });

    it.each([100, 100 * KiB])(
      'says TOO_LARGE when the first, of %s bytes, exceeds the limit, and else stops before it',
      async (bytes) => {
        const [large, small] = [blobOf(bytes, 1), blobOf(10, 2)];
        await store.putMany([large, small]);
        await expect(get([large, small], bytes - 1)).rejects.toMatchObject({
          code: 'TOO_LARGE',
          details: { limit: BigInt(bytes - 1), actual: BigInt(bytes) },
        });
        expect(await get([small, large], bytes - 1)).toEqual([small.oid]);
        expect(await get([{ ...small, oid: oidAt(1n) }, large], bytes - 1)).toEqual(['MISSING']);
      },
    );

    it('counts neither missing nor damaged ones against the limit', async () => {
      const [bad, good] = [blobOf(100, 1), blobOf(100, 2)];
      await store.putMany([bad, good]);
      await place.damage(bad.oid);
      expect(await get([bad, { ...bad, oid: oidAt(1n) }, good], 100)).toEqual(['CORRUPT', 'MISSING', good.oid]);
    });

    it.each([100, 100 * KiB])(
      'puts a damaged one of %s bytes in quarantine, gives the others, and a new put heals it',
      async (bytes) => {
        const blobs = [1, 2, 3].map((seed) => blobOf(bytes, seed));
        const [first, bad, last] = blobs.map(({ oid }) => oid);
        await store.putMany(blobs);
        if (bad !== undefined) await place.damage(bad);
        for (let time = 0; time < 2; time += 1) expect(await get(blobs)).toEqual([first, 'CORRUPT', last]);
        expect(await store.stats()).toMatchObject({ blobCount: 2, quarantinedCount: 1 });
        expect(await fates(blobs)).toEqual([renewed, fresh, renewed]);
        expect(await get(blobs)).toEqual([first, bad, last]);
        expect(await store.stats()).toMatchObject({ blobCount: 3, quarantinedCount: 0 });
      },
    );

    it.each([100, 100 * KiB])(
      'writes a copy of %s bytes anew that has rotted, so that no rotten copy counts',
      async (bytes) => {
        const blob = blobOf(bytes, 1);
        await store.putMany([blob]);
        await place.damage(blob.oid);
        await store.putMany([blob]);
        expect(await store.verify(blob.oid)).toBe('PRESENT');
      },
    );

    it('never loses what it said is stored to a delete at the same time', async () => {
      const blobs = Array.from({ length: 32 }, (_, seed) => blobOf(100 + seed, seed));
      for (let round = 0; round < 5; round += 1) {
        const puts = store.putMany(blobs);
        const deletes = Promise.all(blobs.map(({ oid }) => store.delete(oid)));
        expect((await puts).every((fate) => !(fate instanceof StratumError))).toBe(true);
        await deletes;
        // The deletes were asked for while the blobs were being put: they find them in use.
        expect(await get(blobs)).toEqual(blobs.map(({ oid }) => oid));
      }
    });

    it('stores what a delete that came first has just removed', async () => {
      const blobs = Array.from({ length: 8 }, (_, seed) => blobOf(100 + seed, seed));
      await store.putMany(blobs);
      const deletes = Promise.all(blobs.map(({ oid }) => store.delete(oid)));
      await store.putMany(blobs);
      await deletes;
      expect(await get(blobs)).toEqual(blobs.map(({ oid }) => oid));
      const { blobCount } = await store.stats();
      expect(blobCount).toBe(blobs.length);
    });

    it('is one with single puts of the same blobs at the same time', async () => {
      const blobs = Array.from({ length: 8 }, (_, seed) => blobOf(1_000 + seed, seed));
      await Promise.all([
        store.putMany(blobs),
        ...blobs.map(({ oid, content }) => store.put(oid, content.length, chunksOf(content))),
        store.putMany(blobs),
      ]);
      expect(await store.stats()).toMatchObject({ blobCount: 8 });
      expect(await get(blobs)).toEqual(blobs.map(({ oid }) => oid));
    });

    it('gives what single puts have stored', async () => {
      const { oid } = await putContent(store, contentOf(500));
      expect(await get([{ oid, content: Buffer.alloc(0) }])).toEqual([oid]);
    });
  });
}

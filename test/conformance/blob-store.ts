import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import type { BlobStore } from '../../src/store/blob-store.ts';
import type { ManualClock } from '../unit/base/manual-clock.ts';
import { bytesOf, chunksOf, contentOf, oidAt, putContent } from '../unit/store/sample-blobs.ts';

/** A store under test, and what its disk can do to it. */
export interface BlobStorePlace {
  readonly store: BlobStore;
  readonly clock: ManualClock;
  /** Changes a byte of the stored copy, behind the store's back. */
  damage(oid: Oid): Promise<void>;
  remove(): Promise<void>;
}

const positionMax = 2n ** 64n - 1n;

// One that is kept in the index and one that is kept as a file.
const sizes = [
  { title: 'an empty blob', bytes: 0 },
  { title: 'a small blob', bytes: 1_000 },
  { title: 'a blob at the threshold', bytes: 64 * KiB },
  { title: 'a blob above the threshold', bytes: 64 * KiB + 1 },
  { title: 'a blob of several chunks', bytes: MiB + 17 },
];
const places = [
  { title: 'a small blob', bytes: 1_000 },
  { title: 'a large blob', bytes: 300 * KiB },
];

/** What every blob store promises. */
export function describeBlobStore(name: string, open: () => Promise<BlobStorePlace>): void {
  describe(`${name} as a blob store`, () => {
    let place: BlobStorePlace;
    let store: BlobStore;
    let clock: ManualClock;

    beforeEach(async () => {
      place = await open();
      ({ store, clock } = place);
    });
    afterEach(() => place.remove());

    const read = async (oid: Oid, offset?: number, length?: number) => {
      const { size, chunks } = await store.read(oid, offset, length);
      return { size, content: await bytesOf(chunks) };
    };

    describe.each(sizes)('$title', ({ bytes }) => {
      it('is read back as it was put', async () => {
        const content = contentOf(bytes);
        const { oid, existed } = await putContent(store, content);
        expect(existed).toBe(false);
        expect(await store.stat(oid)).toEqual({ oid, size: bytes, storedAtMs: clock.nowMs() });
        const copy = await read(oid);
        expect(copy.size).toBe(bytes);
        expect(copy.content.equals(content)).toBe(true);
        expect(await store.presence(oid)).toBe('PRESENT');
        expect(await store.verify(oid)).toBe('PRESENT');
      });

      it('succeeds again, and its age is renewed', async () => {
        const content = contentOf(bytes);
        const { oid } = await putContent(store, content);
        clock.advance(5_000);
        expect(await putContent(store, content)).toEqual({ oid, existed: true });
        expect((await store.stat(oid))?.storedAtMs).toBe(clock.nowMs());
        expect(await store.stats()).toMatchObject({ blobCount: 1, storedBytes: bytes });
      });

      it('is deleted once', async () => {
        const { oid } = await putContent(store, contentOf(bytes));
        expect(await store.delete(oid)).toBe(true);
        expect(await store.delete(oid)).toBe(false);
        expect(await store.stat(oid)).toBeUndefined();
        expect(await store.presence(oid)).toBe('MISSING');
        expect(await store.verify(oid)).toBe('MISSING');
        await expect(store.read(oid)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND', details: { id: oid } });
        expect(await store.stats()).toMatchObject({ blobCount: 0, storedBytes: 0 });
      });
    });

    describe.each(places)('$title', ({ bytes }) => {
      const content = contentOf(bytes);
      const oid = oidOf(content);

      it('is given in ranges', async () => {
        await putContent(store, content);
        for (const [offset, length] of [
          [0, 10],
          [17, undefined],
          [bytes - 1, 100],
          [bytes, undefined],
          [5, 0],
        ] as const) {
          const part = await read(oid, offset, length);
          const end = length === undefined ? undefined : offset + length;
          expect(part.size).toBe(bytes);
          expect(part.content.equals(content.subarray(offset, end))).toBe(true);
        }
      });

      it('refuses a range that is none of it', async () => {
        await putContent(store, content);
        await expect(store.read(oid, bytes + 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        await expect(store.read(oid, -1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        await expect(store.read(oid, 0, -1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        await expect(store.read(oid, 0.5)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      });

      it.each([
        { fault: 'other bytes of the same number', sent: contentOf(bytes, 2), code: 'CHECKSUM_MISMATCH' },
        { fault: 'too few bytes', sent: content.subarray(1), code: 'INVALID_ARGUMENT' },
        { fault: 'no bytes', sent: Buffer.alloc(0), code: 'INVALID_ARGUMENT' },
        { fault: 'too many bytes', sent: Buffer.concat([content, Buffer.alloc(1)]), code: 'INVALID_ARGUMENT' },
      ])('is refused with $fault, and nothing is kept', async ({ sent, code }) => {
        await expect(store.put(oid, bytes, chunksOf(sent))).rejects.toMatchObject({ code });
        expect(await store.presence(oid)).toBe('MISSING');
        expect(await store.stats()).toMatchObject({ blobCount: 0, storedBytes: 0, quarantinedCount: 0 });
      });

      it('is checked although it exists, and the good copy stays', async () => {
        await putContent(store, content);
        const wrong = store.put(oid, bytes, chunksOf(contentOf(bytes, 2)));
        await expect(wrong).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
        expect(await store.verify(oid)).toBe('PRESENT');
      });

      it('keeps nothing when its sender breaks off', async () => {
        const broken = async function* () {
          yield content.subarray(0, 100);
          throw new Error('the sender went away');
        };
        await expect(store.put(oid, bytes, broken())).rejects.toThrow('the sender went away');
        expect(await store.presence(oid)).toBe('MISSING');
      });

      it('is put by many at once and is there once', async () => {
        const results = await Promise.all(Array.from({ length: 8 }, () => putContent(store, content)));
        expect(results.filter(({ existed }) => !existed)).toHaveLength(1);
        expect(await store.stats()).toMatchObject({ blobCount: 1, storedBytes: bytes });
        expect(await store.verify(oid)).toBe('PRESENT');
      });

      it('goes into quarantine when a whole read finds it damaged, and is not served any more', async () => {
        await putContent(store, content);
        await place.damage(oid);
        await expect(read(oid)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH', details: { oid, expected: oid } });
        expect(await store.presence(oid)).toBe('CORRUPT');
        expect(await store.stat(oid)).toBeUndefined();
        await expect(store.read(oid, 0, 1)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
        expect(await store.stats()).toMatchObject({ blobCount: 0, storedBytes: 0, quarantinedCount: 1 });
      });

      it('never gives all bytes of a damaged copy', async () => {
        await putContent(store, content);
        await place.damage(oid);
        let given = 0;
        const reading = async () => {
          for await (const chunk of (await store.read(oid)).chunks) given += chunk.length;
        };
        await expect(reading()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
        expect(given).toBeLessThan(bytes);
      });

      it('goes into quarantine when a check finds it damaged, and a good put heals it', async () => {
        await putContent(store, content);
        await place.damage(oid);
        expect(await store.verify(oid)).toBe('CORRUPT');
        expect(await store.verify(oid)).toBe('CORRUPT');
        const all = await store.list(0n, positionMax, undefined, 10);
        expect(all.entries).toMatchObject([{ oid, presence: 'CORRUPT' }]);
        expect(await putContent(store, content)).toEqual({ oid, existed: false });
        expect(await store.verify(oid)).toBe('PRESENT');
        expect((await read(oid)).content.equals(content)).toBe(true);
        expect(await store.stats()).toMatchObject({ blobCount: 1, storedBytes: bytes, quarantinedCount: 0 });
      });

      it('is deleted from quarantine as well', async () => {
        await putContent(store, content);
        await place.damage(oid);
        await store.verify(oid);
        expect(await store.delete(oid)).toBe(true);
        expect(await store.presence(oid)).toBe('MISSING');
        expect(await store.stats()).toMatchObject({ quarantinedCount: 0 });
      });

      it('is read to its end by who has it open when it is deleted', async () => {
        await putContent(store, content);
        const { chunks } = await store.read(oid);
        expect(await store.delete(oid)).toBe(true);
        expect((await bytesOf(chunks)).equals(content)).toBe(true);
      });

      it('is not deleted when it was put at or after the given time', async () => {
        await putContent(store, content);
        const storedAtMs = clock.nowMs();
        expect(await store.delete(oid, storedAtMs)).toBe(false);
        expect(await store.delete(oid, storedAtMs - 1)).toBe(false);
        expect(await store.presence(oid)).toBe('PRESENT');
        expect(await store.delete(oid, storedAtMs + 1)).toBe(true);
      });

      it('is not deleted while it is being put', async () => {
        await putContent(store, content);
        clock.advance(1_000);
        const gate = Promise.withResolvers<void>();
        const begun = Promise.withResolvers<void>();
        const slow = async function* () {
          yield content.subarray(0, 100);
          begun.resolve();
          await gate.promise;
          yield content.subarray(100);
        };
        const put = store.put(oid, bytes, slow());
        await begun.promise;
        expect(await store.delete(oid)).toBe(false);
        gate.resolve();
        expect(await put).toEqual({ existed: true });
        expect(await store.verify(oid)).toBe('PRESENT');
      });
    });

    it('does not know what was never put', async () => {
      const oid = oidAt(1n);
      expect(await store.stat(oid)).toBeUndefined();
      expect(await store.presence(oid)).toBe('MISSING');
      expect(await store.verify(oid)).toBe('MISSING');
      expect(await store.delete(oid)).toBe(false);
      await expect(store.read(oid)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    });

    it('refuses what there is no room for, and goes on reading', async () => {
      const { oid } = await putContent(store, contentOf(100));
      const tooLarge = store.put(oidAt(1n), Number.MAX_SAFE_INTEGER, chunksOf(contentOf(10)));
      await expect(tooLarge).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect((await read(oid)).content.length).toBe(100);
    });

    it('lists by position, page after page, each blob once', async () => {
      const oids: Oid[] = [];
      for (let seed = 0; seed < 25; seed += 1) oids.push((await putContent(store, contentOf(10, seed))).oid);
      for (const pageSize of [1, 7, 25, 100]) {
        const listed: Oid[] = [];
        let cursor: Oid | undefined;
        do {
          const page = await store.list(0n, positionMax, cursor, pageSize);
          expect(page.entries.length).toBeLessThanOrEqual(pageSize);
          listed.push(...page.entries.map(({ oid }) => oid));
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        expect(listed).toEqual(oids.toSorted());
      }
    });

    it('lists ranges with both ends, and wraps around', async () => {
      for (let seed = 0; seed < 25; seed += 1) await putContent(store, contentOf(10, seed));
      const { entries } = await store.list(0n, positionMax, undefined, 100);
      const oids = entries.map(({ oid }) => oid);
      const at = (index: number) => BigInt(`0x${oids[index]?.slice(0, 16)}`);
      const list = async (from: bigint, to: bigint, pageSize = 100) => {
        const listed: (Oid | undefined)[] = [];
        let page = await store.list(from, to, undefined, pageSize);
        for (;;) {
          listed.push(...page.entries.map(({ oid }) => oid));
          if (page.nextCursor === undefined) return listed;
          page = await store.list(from, to, page.nextCursor, pageSize);
        }
      };
      expect(await list(at(3), at(7))).toEqual(oids.slice(3, 8));
      expect(await list(at(3) + 1n, at(7) - 1n)).toEqual(oids.slice(4, 7));
      expect(await list(at(20), at(4), 3)).toEqual([...oids.slice(20), ...oids.slice(0, 5)]);
      expect(await list(at(20), at(20) - 1n, 4)).toEqual([...oids.slice(20), ...oids.slice(0, 20)]);
      expect(await list(at(5), at(5))).toEqual([oids[5]]);
    });
  });
}

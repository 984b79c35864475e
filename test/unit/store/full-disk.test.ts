import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { KiB, MiB } from '../../../src/base/units.ts';
import type { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import type { MeasureDisk } from '../../../src/store/disk-space.ts';
import type { ManualClock } from '../base/manual-clock.ts';
import { contentOf, openStore, putContent } from './sample-blobs.ts';
import { smallDisk } from './small-disk.ts';

const batchOf = (first: number, bytes: number, count = 16) =>
  Array.from({ length: count }, (_, index) => contentOf(bytes, first * count + index + 1)).map((content, index) => {
    // contentOf repeats itself after 256 seeds: the number makes each one another.
    content.writeUInt32BE(first * count + index, 0);
    return { oid: oidOf(content), content };
  });

describe('a store on a file system of 24 MiB', () => {
  let disk: Awaited<ReturnType<typeof smallDisk>>;
  let store: DiskBlobStore;
  let clock: ManualClock;

  beforeEach(async (context) => {
    disk = await smallDisk(24 * MiB);
    if (disk === undefined) context.skip('only root may mount a file system');
  });
  afterEach(async () => {
    await store?.close();
    await disk?.remove();
    disk = undefined;
  });

  const opened = async (freeBytesMin: number, measureDisk?: MeasureDisk) => {
    const modules = measureDisk === undefined ? {} : { measureDisk };
    ({ store, clock } = await openStore(join(disk?.path ?? '', 'objects'), { freeBytesMin }, modules));
  };
  /** Puts batches until one is refused; what was said to be stored. */
  const fill = async (bytes: number) => {
    const stored: { oid: ReturnType<typeof oidOf> }[] = [];
    for (let batch = 0; batch < 1_000; batch += 1) {
      const blobs = batchOf(batch, bytes);
      const fates = await store.putMany(blobs);
      const refused = fates.filter((fate) => fate instanceof StratumError);
      stored.push(...blobs.filter((_, index) => !(fates[index] instanceof StratumError)));
      if (refused.length > 0) return { stored, refused };
      clock.advance(1_000);
    }
    throw new Error('the disk was never full');
  };
  const allRight = async (blobs: readonly { oid: ReturnType<typeof oidOf> }[]) => {
    const answers = await store.getMany(
      blobs.map(({ oid }) => oid),
      64 * MiB,
    );
    expect(answers.map((answer) => (answer.presence === 'PRESENT' ? oidOf(answer.content) : answer.presence))).toEqual(
      blobs.map(({ oid }) => oid),
    );
  };

  it.each([4 * KiB, 60 * KiB, 200 * KiB])(
    'refuses blobs of %s bytes before it is full, reads and deletes, and takes them again',
    async (bytes) => {
      await opened(8 * MiB);
      const { stored, refused } = await fill(bytes);
      for (const error of refused)
        expect(error).toMatchObject({ code: 'DISK_FULL', details: { limit: BigInt(8 * MiB) } });
      expect((await store.stats()).freeBytes).toBeGreaterThan(4 * MiB);
      await allRight(stored);
      for (const { oid } of stored) expect(await store.delete(oid)).toBe(true);
      expect(await store.stats()).toMatchObject({ blobCount: 0, storedBytes: 0 });
    },
  );

  it('has room again as soon as somebody else makes some', async () => {
    const ballast = join(disk?.path ?? '', 'ballast');
    await writeFile(ballast, Buffer.alloc(12 * MiB));
    await opened(8 * MiB);
    const { stored } = await fill(60 * KiB);
    await rm(ballast);
    clock.advance(1_000);
    const { oid } = await putContent(store, contentOf(60 * KiB, 7));
    expect(await store.verify(oid)).toBe('PRESENT');
    await allRight(stored);
  });

  it.each([4 * KiB, 60 * KiB, 200 * KiB])(
    'says DISK_FULL when blobs of %s bytes fill it to the last byte, keeps what it has, and goes on when there is room',
    async (bytes) => {
      const ballast = join(disk?.path ?? '', 'ballast');
      await writeFile(ballast, Buffer.alloc(6 * MiB));
      // Measured with room: the system call itself fails, as when others fill the disk after the measurement.
      await opened(0, async () => ({ freeBytes: 1_000 * MiB, capacityBytes: 1_000 * MiB }));
      const { stored, refused } = await fill(bytes);
      for (const error of refused) expect(error).toMatchObject({ code: 'DISK_FULL' });
      await allRight(stored);
      await rm(ballast);
      clock.advance(1_000);
      const more = batchOf(5_000, bytes);
      expect((await store.putMany(more)).filter((fate) => fate instanceof StratumError)).toEqual([]);
      await allRight([...stored, ...more]);
      for (const { oid } of stored) expect(await store.delete(oid)).toBe(true);
      await allRight(more);
    },
  );
});

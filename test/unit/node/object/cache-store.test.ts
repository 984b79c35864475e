import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { MiB } from '../../../../src/base/units.ts';
import { CacheStore, type CacheStoreOptions } from '../../../../src/node/object/cache-store.ts';
import { DiskSpace } from '../../../../src/store/disk-space.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { chunksOf, contentOf, temporaryFolder } from '../../store/sample-blobs.ts';

const keyOf = (number: number) => number.toString(16).padStart(2, '0').repeat(32);
const ttlMs = 3_600_000;
const entryOf = (content: Buffer, number = 1) => ({
  ...{ key: keyOf(number), sizeBytes: content.length, crc32: crc32(content) },
  ...{ ttlMs, tag: 'repository' },
});

describe('CacheStore', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let clock: ManualClock;
  let cache: CacheStore;
  /** Bytes of the disk that others leave free; those of the cache's files come off it. */
  let othersLeaveBytes: number;

  const freeBytes = async () => {
    const names = await readdir(path).catch(() => []);
    const sizes = await Promise.all(names.map((name) => stat(join(path, name)).then(({ size }) => size)));
    return sizes.reduce((sum, size) => sum - size, othersLeaveBytes);
  };
  const measureDisk = async () => ({ freeBytes: await freeBytes(), capacityBytes: 1_000 * MiB });
  const open = async (options: Partial<CacheStoreOptions> = {}) => {
    const whole = { path, bytesMax: 100 * MiB, freeBytesMin: 200 * MiB, ...options };
    cache = await CacheStore.open(whole, { clock, random: systemRandom, log: recordingLog(), measureDisk });
  };
  const put = (content: Buffer, number = 1) => cache.put(entryOf(content, number), chunksOf(content));
  /** Content of which it is told whether anybody asked for it. */
  const watched = (content: Buffer) => {
    let isAsked = false;
    const chunks = async function* () {
      isAsked = true;
      yield content;
    };
    return { chunks: chunks(), isAsked: () => isAsked };
  };
  const read = async (number = 1) => {
    const reader = cache.get(keyOf(number));
    if (reader === undefined) return undefined;
    const buffer = Buffer.alloc(reader.entry.sizeBytes);
    try {
      for (let at = 0; at < buffer.length; ) at += await reader.read(buffer.subarray(at), at);
      return buffer;
    } finally {
      reader.release();
    }
  };
  const has = (number: number) => {
    const reader = cache.get(keyOf(number));
    reader?.release();
    return reader !== undefined;
  };
  const kept = () => [...Array(20).keys()].filter(has);

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'cache');
    clock = manualClock();
    othersLeaveBytes = 900 * MiB;
    await open();
  });
  afterEach(async () => {
    await cache.close();
    await folder.remove();
  });

  it('gives back what it was given, also after a restart', async () => {
    const content = contentOf(3 * MiB);
    expect(await put(content)).toBe(true);
    expect((await read())?.equals(content)).toBe(true);
    await cache.close();
    await open();
    expect((await read())?.equals(content)).toBe(true);
    expect(cache.stats.entries).toBe(1);
  });

  it('serves an entry until its time is over', async () => {
    await put(contentOf(10));
    clock.advance(ttlMs - 1);
    expect(await read()).toBeDefined();
    clock.advance(1);
    expect(await read()).toBeUndefined();
  });

  it('does not ask for the content of an entry that it has, until half of its time is over', async () => {
    const content = contentOf(1_000);
    await put(content);
    const early = watched(content);
    clock.advance(ttlMs / 2);
    expect([await cache.put(entryOf(content), early.chunks), early.isAsked()]).toEqual([true, false]);
    const late = watched(content);
    clock.advance(1);
    expect([await cache.put(entryOf(content), late.chunks), late.isAsked()]).toEqual([true, true]);
    clock.advance(ttlMs - 1);
    expect((await read())?.equals(content)).toBe(true);
  });

  it('keeps nothing and has nothing when it is off, and removes what it had', async () => {
    await put(contentOf(1_000));
    await cache.close();
    await open({ bytesMax: 0 });
    const content = watched(contentOf(10));
    expect(await cache.put(entryOf(contentOf(10)), content.chunks)).toBe(false);
    expect([await read(), content.isAsked()]).toEqual([undefined, false]);
    await expect(readdir(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await cache.measureDisk(path)).toMatchObject({ freeBytes: 900 * MiB });
  });

  it.each([
    { what: 'is larger than a quarter of the cache', bytes: 25 * MiB + 1, free: 900 },
    { what: 'has no room on the disk', bytes: MiB, free: 400 },
  ])('does not ask for the content of an entry that $what', async ({ bytes, free }) => {
    othersLeaveBytes = free * MiB;
    const content = watched(Buffer.alloc(0));
    const entry = { ...entryOf(Buffer.alloc(0)), sizeBytes: bytes };
    expect([await cache.put(entry, content.chunks), content.isAsked()]).toEqual([false, false]);
  });

  it('takes one entry of a key at once, and sixteen in all', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const content = contentOf(1_000);
    const slow = async function* () {
      await promise;
      yield content;
    };
    const going = Array.from({ length: 16 }, (_, index) => cache.put(entryOf(content, index), slow()));
    const second = watched(content);
    expect([await cache.put(entryOf(content, 3), second.chunks), second.isAsked()]).toEqual([false, false]);
    expect(await put(content, 17)).toBe(false);
    resolve();
    expect(await Promise.all(going)).toEqual(going.map(() => true));
    expect(await put(content, 17)).toBe(true);
  });

  it.each([
    { fault: 'is of another CRC-32', change: { crc32: 5 }, code: 'CHECKSUM_MISMATCH' },
    { fault: 'is too short', change: { sizeBytes: 1_001 }, code: 'INVALID_ARGUMENT' },
    { fault: 'is too long', change: { sizeBytes: 999 }, code: 'INVALID_ARGUMENT' },
  ])('leaves no trace of content that $fault', async ({ change, code }) => {
    const content = contentOf(1_000);
    await expect(cache.put({ ...entryOf(content), ...change }, chunksOf(content))).rejects.toMatchObject({ code });
    expect(await read()).toBeUndefined();
    expect(await readdir(path)).toEqual([]);
    expect(await put(content)).toBe(true);
  });

  it('leaves no trace of content that breaks off', async () => {
    const broken = async function* () {
      yield contentOf(500);
      throw new Error('the caller went away');
    };
    await expect(cache.put(entryOf(contentOf(1_000)), broken())).rejects.toThrow('the caller went away');
    expect(await readdir(path)).toEqual([]);
  });

  it('breaks the reading of an entry whose file was changed, and has it no more', async () => {
    await put(contentOf(100_000));
    await cache.close();
    const [name = ''] = await readdir(path);
    const bytes = await readFile(join(path, name));
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    await writeFile(join(path, name), bytes);
    await open();
    await expect(read()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(has(1)).toBe(false);
  });

  it('starts with a folder that holds something else', async () => {
    await cache.close();
    await mkdir(join(path, 'something'), { recursive: true });
    await open();
    expect(await put(contentOf(10))).toBe(true);
  });

  describe('when the disk fills up', () => {
    beforeEach(async () => {
      for (const number of [1, 2, 3, 4]) {
        await put(Buffer.alloc(10 * MiB, number), number);
        clock.advance(1_000);
      }
      await read(1); // 2 is now what was not used for longest.
    });

    it('gives way to others, what was not used for longest first, before twice the blobs’ free bytes are touched', async () => {
      othersLeaveBytes = 441 * MiB;
      await cache.measureDisk(path);
      expect(cache.stats.entries).toBe(4);
      othersLeaveBytes = 435 * MiB;
      await cache.measureDisk(path);
      expect(kept()).toEqual([1, 3, 4]);
      othersLeaveBytes = 402 * MiB;
      await cache.measureDisk(path);
      expect(kept()).toEqual([]);
    });

    it('counts what it could still give as free', async () => {
      for (const freeMiB of [900, 435, 100]) {
        othersLeaveBytes = freeMiB * MiB;
        const measured = await cache.measureDisk(path);
        expect(Math.abs(measured.freeBytes - othersLeaveBytes)).toBeLessThan(10_000);
      }
    });

    it('gives way by itself, within ten seconds', async () => {
      othersLeaveBytes = 425 * MiB;
      clock.advance(10_000);
      await expect.poll(() => cache.stats.entries, { timeout: 5_000 }).toBe(2);
    });

    it('keeps blobs from being refused', async () => {
      const modules = { clock, log: recordingLog(), measureDisk: cache.measureDisk };
      const space = new DiskSpace({ path, freeBytesMin: 200 * MiB }, modules);
      othersLeaveBytes = 425 * MiB;
      (await space.reserve(220 * MiB))();
      expect(cache.stats.entries).toBe(2);
      clock.advance(1_000);
      othersLeaveBytes = 215 * MiB;
      await expect(space.reserve(20 * MiB)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(cache.stats.entries).toBe(0);
    });

    it('evicts for a new entry, and refuses one for which even that is not enough', async () => {
      othersLeaveBytes = 445 * MiB;
      expect(await put(Buffer.alloc(20 * MiB), 5)).toBe(true);
      expect(kept()).toContain(5);
      expect(await freeBytes()).toBeGreaterThanOrEqual(399 * MiB);
      othersLeaveBytes = 405 * MiB;
      expect(await put(Buffer.alloc(6 * MiB), 6)).toBe(false);
    });

    it('leaves an entry readable that is evicted while it is read', async () => {
      const reader = cache.get(keyOf(2));
      othersLeaveBytes = 20 * MiB;
      await cache.measureDisk(path);
      expect(has(2)).toBe(false);
      const buffer = Buffer.alloc(10 * MiB);
      for (let at = 0; at < buffer.length; ) at += (await reader?.read(buffer.subarray(at), at)) ?? buffer.length;
      reader?.release();
      expect(buffer.equals(Buffer.alloc(10 * MiB, 2))).toBe(true);
    });
  });

  it('takes entries for missing whose folder was deleted, and makes it again for the next', async () => {
    await cache.close();
    cache = await CacheStore.open(
      { path, bytesMax: 100 * MiB, freeBytesMin: 0 },
      { clock, random: systemRandom, log: recordingLog() },
    );
    await put(contentOf(10));
    await cache.close();
    cache = await CacheStore.open(
      { path, bytesMax: 100 * MiB, freeBytesMin: 0 },
      { clock, random: systemRandom, log: recordingLog() },
    );
    await rm(path, { recursive: true });
    expect(await read()).toBeUndefined();
    expect([await put(contentOf(10)), (await read())?.length]).toEqual([true, 10]);
  });

  it('keeps nothing, and says so, where its folder cannot be used', async () => {
    await cache.close();
    path = join(folder.path, 'file');
    await writeFile(path, 'in the way');
    const log = recordingLog();
    const options = { path, bytesMax: 100 * MiB, freeBytesMin: 0 };
    cache = await CacheStore.open(options, { clock, random: systemRandom, log, measureDisk });
    expect([await put(contentOf(10)), await read()]).toEqual([false, undefined]);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { path } }]);
  });

  it('leaves 128 MiB more than blobs do where they leave little', async () => {
    await cache.close();
    await open({ freeBytesMin: 0 });
    othersLeaveBytes = 128 * MiB;
    expect(await put(contentOf(MiB))).toBe(false);
    othersLeaveBytes = 130 * MiB;
    expect(await put(contentOf(MiB))).toBe(true);
  });
});

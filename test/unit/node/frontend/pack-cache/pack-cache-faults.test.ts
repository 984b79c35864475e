import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf } from '../../../../../src/base/oid.ts';
import { KiB, MiB } from '../../../../../src/base/units.ts';
import { windowBytesMax } from '../../../../../src/node/frontend/pack-cache/direct-window.ts';
import type { PackCacheOptions, PackProducer } from '../../../../../src/node/frontend/pack-cache/pack-cache.ts';
import { contentOf, temporaryFolder } from '../../../store/sample-blobs.ts';
import { keyOf, openFilesIn, sayingDisk, untilTrue } from '../../../store/sample-entries.ts';
import { smallDisk } from '../../../store/small-disk.ts';
import {
  openCache,
  producing,
  type SampleCache,
  SampleReader,
  SteppedProducer,
  unwanted,
} from './sample-pack-cache.ts';

let temporary: { path: string; remove: () => Promise<void> };
let path: string;
let sample: SampleCache;
let disk: ReturnType<typeof sayingDisk>;

const opened = async (options: Partial<PackCacheOptions> = {}) => {
  sample = await openCache({ path, memoryBytesMax: 0, ...options }, { measureDisk: disk.measureDisk });
};
beforeEach(async () => {
  temporary = await temporaryFolder();
  path = join(temporary.path, 'packs');
  disk = sayingDisk();
});
afterEach(async () => {
  await sample.cache.stop();
  await untilTrue(() => openFilesIn(path).length === 0);
  await temporary.remove();
});

const key = keyOf(1);
const never = new AbortController().signal;
const read = (produce: PackProducer, isPaused = false) => new SampleReader(sample.cache, { key, produce }, isPaused);
const prepared = (produce: PackProducer) => sample.cache.prepare({ key, tag: 'r', produce }, never);
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Lets everything come to rest that needs no event from outside. */
const rest = async () => {
  for (let turns = 0; turns < 20; turns += 1) await turn();
};
/** Changes one byte of the only entry on disk. */
const flipByte = async (at: number) => {
  const [name = ''] = await readdir(path);
  const file = await open(join(path, name), 'r+');
  await file.write(Buffer.from([0xee]), 0, 1, at);
  await file.close();
};

describe('a pack cache whose disk is full', () => {
  it('hands the response to who is there, wherever they are in it, and stores nothing', async (context) => {
    const small = await smallDisk(4 * MiB);
    if (small === undefined) {
      await opened();
      context.skip('only root may mount a file system');
      return;
    }
    try {
      path = join(small.path, 'packs');
      await opened();
      const content = contentOf(9 * MiB);
      const producer = new SteppedProducer();
      const slow = read(producer.produce, true);
      const quick = read(unwanted);
      const written = (async () => {
        for (let at = 0; at < content.length; at += 64 * KiB) await producer.write(content.subarray(at, at + 64 * KiB));
        producer.end();
      })();
      await quick.sink.received(5 * MiB);
      expect(slow.sink.bytes).toBeLessThan(MiB);
      expect(sample.cache.stats).toMatchObject({ unstored: 1, producing: 0 });
      const fresh = new SteppedProducer();
      const late = read(fresh.produce);
      await untilTrue(() => fresh.starts === 1);
      late.leave();
      slow.sink.resume();
      await written;
      expect(await Promise.all([slow.served, quick.served])).toMatchObject([
        { outcome: 'miss', bytes: content.length },
        { outcome: 'join', bytes: content.length },
      ]);
      expect([slow.sink.content, quick.sink.content].map(oidOf)).toEqual([oidOf(content), oidOf(content)]);
      await expect(late.served).rejects.toThrow('the client went away');
      await untilTrue(() => openFilesIn(path).length === 0);
      expect(await readdir(path)).toEqual([]);
      await sample.cache.stop();
    } finally {
      await small.remove();
    }
  });

  it('waits for the slowest reader with a bounded number of bytes, until it has not moved for long', async () => {
    await opened({ freeBytesMin: 1 });
    disk.freeBytes = 0;
    const producer = new SteppedProducer();
    const [slow, quick] = [read(producer.produce, true), read(unwanted)];
    let writtenBytes = 0;
    const written = (async () => {
      for (let chunk = 0; chunk < 16; chunk += 1) {
        await producer.write(contentOf(MiB, chunk));
        writtenBytes += MiB;
      }
      producer.end();
    })();
    await quick.sink.received(windowBytesMax);
    await rest();
    expect(writtenBytes).toBe(windowBytesMax);
    sample.clock.advance(9_999);
    await rest();
    expect(writtenBytes).toBe(windowBytesMax);
    sample.clock.advance(1);
    await expect(slow.served).rejects.toMatchObject({ code: 'OVERLOADED' });
    await written;
    expect(await quick.served).toMatchObject({ outcome: 'join', bytes: 16 * MiB });
  });

  it('waits as long as it takes for the only reader', async () => {
    await opened({ freeBytesMin: 1 });
    disk.freeBytes = 0;
    const content = contentOf(8 * MiB);
    const slow = read(producing(content, MiB), true);
    await slow.sink.received(MiB);
    await rest();
    sample.clock.advance(60_000);
    await rest();
    expect(slow.sink.bytes).toBe(MiB);
    slow.sink.resume();
    expect(await slow.served).toMatchObject({ outcome: 'miss', bytes: 8 * MiB });
    expect(oidOf(slow.sink.content)).toBe(oidOf(content));
  });

  it('says so to who wanted it stored, and ends a producer that nobody else reads', async () => {
    await opened({ freeBytesMin: 1 });
    disk.freeBytes = 0;
    const producer = new SteppedProducer();
    const preparing = prepared(producer.produce);
    const expected = expect(preparing).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(producer.write(contentOf(10))).rejects.toMatchObject({ code: 'CANCELLED' });
    await expected;
    expect([producer.isAborted, sample.log.lines.length]).toEqual([true, 1]);
  });

  it('stores again as soon as there is room', async () => {
    await opened({ freeBytesMin: 1 });
    disk.freeBytes = 0;
    for (let request = 0; request < 3; request += 1) {
      expect(await read(producing(contentOf(10))).served).toMatchObject({ outcome: 'miss', bytes: 10 });
    }
    disk.freeBytes = 1_000 * MiB;
    await read(producing(contentOf(10))).served;
    await untilTrue(() => sample.stored.length === 1);
  });
});

describe('a pack cache', () => {
  it('hands on what is too large to be kept', async () => {
    await opened({ entryBytesMax: MiB });
    const content = contentOf(3 * MiB);
    for (let request = 0; request < 2; request += 1) {
      const reader = read(producing(content));
      expect(await reader.served).toMatchObject({ outcome: 'miss', bytes: 3 * MiB });
      expect(oidOf(reader.sink.content)).toBe(oidOf(content));
    }
    await expect(prepared(producing(content))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(sample.cache.stats).toMatchObject({ entries: 0, unstored: 3 });
  });

  it('keeps nothing when it may have no bytes, and serves all the same', async () => {
    await opened({ bytesMax: 0 });
    for (let request = 0; request < 3; request += 1) {
      expect(await read(producing(contentOf(10))).served).toMatchObject({ outcome: 'miss', bytes: 10 });
    }
  });

  it('serves and stores when its folder is deleted under it, whenever that is', async () => {
    await opened();
    await prepared(producing(contentOf(2 * MiB)));
    const reading = read(unwanted, true);
    await reading.sink.received(1);
    await rm(path, { recursive: true });
    reading.sink.resume();
    expect(await reading.served).toMatchObject({ outcome: 'hit', bytes: 2 * MiB });
    await untilTrue(() => openFilesIn(path).length === 0);
    const producer = new SteppedProducer();
    const readers = [read(producer.produce), read(unwanted)];
    await producer.write(contentOf(MiB));
    await rm(path, { recursive: true });
    await producer.write(contentOf(MiB));
    producer.end();
    for (const reader of readers) {
      await reader.served;
      expect(oidOf(reader.sink.content)).toBe(oidOf(Buffer.concat([contentOf(MiB), contentOf(MiB)])));
    }
    await untilTrue(() => sample.cache.stats.unstored === 1);
    await read(producing(contentOf(10))).served;
    await untilTrue(() => sample.stored.length === 2);
    expect(await read(unwanted).served).toMatchObject({ outcome: 'hit', bytes: 10 });
  });

  it('makes a response anew when the stored one is damaged and nothing of it was sent', async () => {
    await opened();
    await prepared(producing(contentOf(MiB)));
    await flipByte(77);
    await sample.cache.stop();
    await opened();
    const reader = read(producing(contentOf(MiB, 2)));
    expect(await reader.served).toMatchObject({ outcome: 'miss', bytes: MiB });
    expect(oidOf(reader.sink.content)).toBe(oidOf(contentOf(MiB, 2)));
    expect(reader.sink.begun).toHaveLength(1);
  });

  it('breaks the response when a large stored one turns out to be damaged, and forgets it', async () => {
    await opened();
    await prepared(producing(contentOf(3 * MiB)));
    await flipByte(77);
    await sample.cache.stop();
    await opened();
    const reader = read(unwanted);
    await expect(reader.served).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(reader.sink.bytes).toBe(2 * MiB);
    expect(await read(producing(contentOf(5))).served).toMatchObject({ outcome: 'miss', bytes: 5 });
  });

  it('is not started where its folder cannot be made', async () => {
    await opened();
    await writeFile(join(temporary.path, 'file'), 'no folder');
    await expect(openCache({ path: join(temporary.path, 'file', 'packs') })).rejects.toMatchObject({
      code: 'DATA_DIR_UNWRITABLE',
    });
  });
});

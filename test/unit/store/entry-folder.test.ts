import { readdirSync } from 'node:fs';
import { open, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { MiB } from '../../../src/base/units.ts';
import type { EntryFolder, EntryFolderOptions } from '../../../src/store/entry-folder.ts';
import { fileBytesOf } from '../../../src/store/entry-footer.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../base/recording-log.ts';
import { contentOf, temporaryFolder } from './sample-blobs.ts';
import {
  append,
  contentIn,
  keyOf,
  openFilesIn,
  openFolder,
  readFrom,
  sayingDisk,
  store,
  untilTrue,
} from './sample-entries.ts';
import { smallDisk } from './small-disk.ts';

let temporary: { path: string; remove: () => Promise<void> };
let path: string;
let clock: ManualClock;
let log: RecordingLog;
let folder: EntryFolder;
let disk: ReturnType<typeof sayingDisk>;

beforeEach(async () => {
  temporary = await temporaryFolder();
  path = join(temporary.path, 'cache');
  clock = manualClock(1_700_000_000_000);
  log = recordingLog();
  disk = sayingDisk();
});
afterEach(async () => {
  await folder.close();
  await temporary.remove();
});

const opened = async (options: Partial<EntryFolderOptions> = {}) => {
  folder = await openFolder({ path, ...options }, { clock, log, measureDisk: disk.measureDisk });
};
const reopened = async (options: Partial<EntryFolderOptions> = {}) => {
  await folder.close();
  await opened(options);
};
const keysIn = () => [...folder.entries()].map(({ key }) => key);
/** Compares by hash: the reporter takes seconds for a difference of megabytes. */
const same = (got: Buffer | undefined, expected: Buffer) =>
  expect(got === undefined ? undefined : oidOf(got)).toBe(oidOf(expected));
/** Changes one byte of the only file. */
const flipByte = async (at: number) => {
  const [name = ''] = await readdir(path);
  const file = await open(join(path, name), 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte.readUInt8() ^ 4]), 0, 1, at);
  await file.close();
};

describe('an entry folder', () => {
  it.each([
    [0, 1],
    [1, 1],
    [70_000, 1_000],
    [3 * MiB + 17, 64 * 1024],
    [3 * MiB, 2 * MiB],
  ])('gives back %s bytes that came in chunks of %s, while and after they are written', async (bytes, chunkBytes) => {
    await opened();
    const content = contentOf(bytes);
    const writer = await folder.begin(keyOf(1), { tag: 'repository' });
    await append(writer, content, chunkBytes);
    expect(writer.bytes).toBe(bytes);
    same(await readFrom(writer), content);
    expect(folder.acquire(keyOf(1))).toBeUndefined();
    const entry = await writer.commit({ costMs: 12 });
    expect(entry).toMatchObject({
      key: keyOf(1),
      sizeBytes: bytes,
      tag: 'repository',
      costMs: 12,
      expiresAtMs: undefined,
    });
    same(await readFrom(writer, bytes >> 1), content.subarray(bytes >> 1));
    writer.release();
    same(await contentIn(folder, keyOf(1)), content);
    expect(folder.stats).toEqual({ entries: 1, bytes, bytesMax: 1024 ** 3, evictions: 0 });
    await reopened();
    same(await contentIn(folder, keyOf(1)), content);
    await untilTrue(() => openFilesIn(path).length === 0);
  });

  it('gives what was appended last from memory, without a copy', async () => {
    await opened();
    const writer = await folder.begin(keyOf(1), { tag: '' });
    const chunk = contentOf(1_000);
    await writer.append(chunk);
    expect(writer.recent(10)?.buffer).toBe(chunk.buffer);
    expect(writer.recent(10)).toEqual(chunk.subarray(10));
    expect(writer.recent(1_000)).toBeUndefined();
    await writer.abort();
    same(await readFrom(writer, 3), chunk.subarray(3));
    writer.release();
    expect(await readdir(path)).toEqual([]);
  });

  it.each([
    ['x'.repeat(64), 'tag'],
    [keyOf(1).slice(1), 'tag'],
    [`${'../'.repeat(21)}a`, 'tag'],
    [keyOf(1), 'é'.repeat(65)],
  ])('takes no key %s with a tag %s', async (key, tag) => {
    await opened();
    await expect(folder.begin(key, { tag })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('keeps entries, their order and their ends over a restart, and deletes what was not finished', async () => {
    await opened();
    for (const number of [1, 2, 3]) {
      await store(folder, keyOf(number), contentOf(100, number), { tag: `r${number}` });
      clock.advance(61_000);
    }
    await store(folder, keyOf(4), contentOf(1), { expiresAtMs: clock.nowMs() + 161_000 });
    clock.advance(61_000);
    folder.acquire(keyOf(1))?.release();
    const unfinished = await folder.begin(keyOf(5), { tag: '' });
    await append(unfinished, contentOf(2 * MiB));
    await writeFile(join(path, 'README'), 'not ours');
    const before = [...folder.entries()];
    await reopened();
    unfinished.release();
    expect([...folder.entries()]).toEqual(before);
    expect(keysIn()).toEqual([2, 3, 4, 1].map(keyOf));
    expect((await readdir(path)).filter((name) => !/^[0-9a-f]{64}-/.test(name))).toEqual(['README']);
    clock.advance(100_000);
    expect(folder.peek(keyOf(4))).toBeUndefined();
    same(await contentIn(folder, keyOf(3)), contentOf(100, 3));
  });

  it('notes uses in the file at most once a minute', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(10));
    const storedAtMs = clock.nowMs();
    const [name = ''] = await readdir(path);
    clock.advance(59_000);
    folder.touch(keyOf(1));
    expect(folder.peek(keyOf(1))?.usedAtMs).toBe(storedAtMs + 59_000);
    clock.advance(2_000);
    folder.touch(keyOf(1));
    clock.advance(2_000);
    folder.touch(keyOf(1));
    await folder.close();
    expect((await stat(join(path, name))).mtimeMs).toBe(storedAtMs + 61_000);
  });

  it.each<[string, (file: string) => Promise<void>]>([
    ['was cut short', async (file) => await truncate(file, 90)],
    ['was cut to nothing', async (file) => await truncate(file, 0)],
    ['has grown', async (file) => await writeFile(file, 'more', { flag: 'a' })],
    ['is named after another key', async (file) => await rename(file, join(path, `${keyOf(2)}-0123456789abcdef`))],
  ])('deletes a file at the start that %s', async (_, damage) => {
    await opened();
    await store(folder, keyOf(1), contentOf(100));
    const [name = ''] = await readdir(path);
    await damage(join(path, name));
    await reopened();
    expect(keysIn()).toEqual([]);
    expect(await readdir(path)).toEqual([]);
    expect(log.lines).toMatchObject([{ level: 'warn', message: 'a file of the cache is damaged: deleted' }]);
  });

  it('gives not one byte of a damaged entry that is read in one piece, and deletes it', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(100_000));
    await flipByte(5);
    await reopened();
    const reader = folder.acquire(keyOf(1));
    await expect(reader?.read(Buffer.alloc(100_000), 0)).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { oid: keyOf(1) },
    });
    reader?.release();
    expect(folder.acquire(keyOf(1))).toBeUndefined();
    await folder.close();
    expect(await readdir(path)).toEqual([]);
  });

  it('holds the last piece of a damaged entry back', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(100_000));
    await flipByte(5);
    await reopened();
    const reader = folder.acquire(keyOf(1));
    const buffer = Buffer.alloc(60_000);
    expect(await reader?.read(buffer, 0)).toBe(60_000);
    await expect(reader?.read(buffer, 60_000)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    reader?.release();
  });

  it('checks again, ten minutes after an entry was found right', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(1_000));
    await flipByte(5);
    clock.advance(600_000);
    await expect(contentIn(folder, keyOf(1))).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(keysIn()).toEqual([]);
  });

  it('breaks the reading of an entry that was cut short under it', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(1_000));
    const [name = ''] = await readdir(path);
    const reader = folder.acquire(keyOf(1));
    await truncate(join(path, name), 500);
    const buffer = Buffer.alloc(1_000);
    expect(await reader?.read(buffer, 0)).toBe(500);
    await expect(reader?.read(buffer, 500)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    reader?.release();
  });

  it('evicts what was not used for longest, and lets its readers go on', async () => {
    await opened({ bytesMax: 300_000 });
    await store(folder, keyOf(1), contentOf(100_000, 1));
    const reader = folder.acquire(keyOf(1));
    await store(folder, keyOf(2), contentOf(100_000, 2));
    await store(folder, keyOf(3), contentOf(50_000, 3));
    folder.touch(keyOf(2));
    folder.touch(keyOf(1));
    await store(folder, keyOf(4), contentOf(131_072, 4));
    expect(keysIn()).toEqual([1, 4].map(keyOf));
    await store(folder, keyOf(5), contentOf(131_072, 5));
    expect(keysIn()).toEqual([4, 5].map(keyOf));
    expect(folder.stats).toMatchObject({ entries: 2, bytes: 262_144, evictions: 3 });
    expect(readdirSync(path)).toHaveLength(2);
    if (reader !== undefined) same(await readFrom(reader), contentOf(100_000, 1));
    reader?.release();
    await untilTrue(() => openFilesIn(path).length === 0);
  });

  it('counts what the files take: many small entries get no more of the disk than few large ones', async () => {
    // Room for nine, and what a writer asks for as long as it does not know how much will come.
    await opened({ bytesMax: 9 * 4_096 + fileBytesOf(65_536) });
    for (let number = 0; number < 20; number += 1) await store(folder, keyOf(number), contentOf(1));
    expect(folder.stats).toMatchObject({ entries: 10, bytes: 10, evictions: 10 });
    expect(readdirSync(path)).toHaveLength(10);
  });

  it('holds no more entries than it may, and lets those go that were not used for longest', async () => {
    await opened({ entriesMax: 3 });
    for (const number of [1, 2, 3]) await store(folder, keyOf(number), contentOf(10));
    folder.touch(keyOf(1));
    await store(folder, keyOf(3), contentOf(20));
    expect(folder.stats).toMatchObject({ entries: 3, evictions: 0 });
    await store(folder, keyOf(4), contentOf(10));
    expect(keysIn()).toEqual([1, 3, 4].map(keyOf));
    expect(folder.stats.evictions).toBe(1);
    await folder.close();
    expect(readdirSync(path)).toHaveLength(3);
  });

  it.each<[string, Partial<EntryFolderOptions>, number[]]>([
    ['fewer entries', { entriesMax: 2 }, [79, 80]],
    ['fewer bytes', { bytesMax: 3 * 4_096 + 1 }, [78, 79, 80]],
    ['a lower age', { ageMaxMs: 4_000 }, [77, 78, 79, 80]],
    ['all of them', { entriesMax: 5, bytesMax: 3 * 4_096, ageMaxMs: 2_000 }, [79, 80]],
  ])('keeps what was used last when it is opened with bounds of %s', async (_, bounds, kept) => {
    await opened();
    for (let number = 1; number <= 80; number += 1) {
      await store(folder, keyOf(number), contentOf(10));
      clock.advance(1_000);
    }
    clock.advance(-1);
    await reopened(bounds);
    expect(keysIn()).toEqual(kept.map(keyOf));
    expect(folder.stats.evictions).toBe(80 - kept.length);
    expect(readdirSync(path)).toHaveLength(kept.length);
  });

  it('keeps nothing when it may keep nothing', async () => {
    await opened({ bytesMax: 0 });
    await expect(store(folder, keyOf(1), contentOf(1))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(store(folder, keyOf(2), contentOf(0))).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readdir(path)).toEqual([]);
  });

  it('counts the bytes of entries that are being written, and gives their room back', async () => {
    await opened({ bytesMax: fileBytesOf(300_000) });
    await store(folder, keyOf(1), contentOf(100_000));
    const writer = await folder.begin(keyOf(2), { tag: '' });
    await append(writer, contentOf(250_000));
    expect(folder.stats).toMatchObject({ entries: 0, evictions: 1 });
    await expect(store(folder, keyOf(3), contentOf(100_000))).rejects.toMatchObject({ code: 'DISK_FULL' });
    await writer.abort();
    writer.release();
    await store(folder, keyOf(4), contentOf(300_000));
    expect(keysIn()).toEqual([keyOf(4)]);
  });

  it('gives entries that are not finished half the room at most, and evicts no more for them', async () => {
    await opened({ bytesMax: fileBytesOf(400_000) });
    await store(folder, keyOf(1), contentOf(100_000));
    const [first, second] = [await folder.begin(keyOf(2), { tag: '' }), await folder.begin(keyOf(3), { tag: '' })];
    await append(first, contentOf(150_000));
    await expect(append(second, contentOf(150_000))).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(keysIn()).toEqual([keyOf(1)]);
    for (const writer of [first, second]) {
      await writer.abort();
      writer.release();
    }
  });

  it('refuses an entry that is too large, and keeps what it has of it readable', async () => {
    await opened({ entryBytesMax: 150_000 });
    const writer = await folder.begin(keyOf(1), { tag: '' });
    await writer.append(contentOf(100_000));
    const refused = { code: 'TOO_LARGE', details: { limit: 150_000n, actual: 200_000n } };
    await expect(writer.append(contentOf(100_000))).rejects.toMatchObject(refused);
    await expect(writer.commit()).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await writer.abort();
    same(await readFrom(writer), contentOf(100_000));
    writer.release();
    expect(folder.stats).toMatchObject({ entries: 0, bytes: 0 });
    expect(await readdir(path)).toEqual([]);
  });

  it('drops entries that nobody reads any more, and those whose end has come', async () => {
    await opened({ ageMaxMs: 100_000 });
    await store(folder, keyOf(1), contentOf(10));
    await store(folder, keyOf(2), contentOf(10), { expiresAtMs: clock.nowMs() + 30_000 });
    clock.advance(30_000);
    expect([folder.acquire(keyOf(2)), folder.peek(keyOf(1))?.key]).toEqual([undefined, keyOf(1)]);
    clock.advance(60_000);
    folder.touch(keyOf(1));
    clock.advance(99_999);
    await folder.sweep();
    expect(keysIn()).toEqual([keyOf(1)]);
    clock.advance(1);
    await folder.sweep();
    expect(folder.stats).toMatchObject({ entries: 0, evictions: 2 });
    await folder.close();
    expect(await readdir(path)).toEqual([]);
  });

  it('evicts when the disk has too little room, refuses when that does not help, and goes on when there is some', async () => {
    await opened({ freeBytesMin: 10 * MiB });
    await store(folder, keyOf(1), contentOf(10));
    disk.freeBytes = 10 * MiB;
    const refused = { code: 'DISK_FULL', details: { limit: BigInt(10 * MiB), actual: BigInt(10 * MiB) } };
    await expect(store(folder, keyOf(2), contentOf(10))).rejects.toMatchObject(refused);
    expect([keysIn(), readdirSync(path)]).toEqual([[], []]);
    disk.freeBytes = 11 * MiB;
    await store(folder, keyOf(2), contentOf(10));
    disk.freeBytes = 1 * MiB;
    await folder.sweep();
    expect(folder.stats).toMatchObject({ entries: 0, evictions: 2 });
  });

  it('takes entries for missing when the folder was deleted under it, and makes it again', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(100, 1));
    await store(folder, keyOf(2), contentOf(100, 2));
    const reader = folder.acquire(keyOf(1));
    const writer = await folder.begin(keyOf(3), { tag: '' });
    await writer.append(contentOf(100));
    await rm(path, { recursive: true });
    expect([folder.acquire(keyOf(2)), folder.peek(keyOf(2))]).toEqual([undefined, undefined]);
    if (reader !== undefined) same(await readFrom(reader), contentOf(100, 1));
    reader?.release();
    await expect(writer.commit()).rejects.toMatchObject({ code: 'ENOENT' });
    same(await readFrom(writer), contentOf(100));
    await writer.abort();
    writer.release();
    await store(folder, keyOf(4), contentOf(100, 4));
    same(await contentIn(folder, keyOf(4)), contentOf(100, 4));
    expect(keysIn()).toEqual([keyOf(4)]);
  });

  it('puts a new entry in the place of the old one, whose readers go on', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(100, 1));
    const reader = folder.acquire(keyOf(1));
    await store(folder, keyOf(1), contentOf(200, 2));
    same(await contentIn(folder, keyOf(1)), contentOf(200, 2));
    if (reader !== undefined) same(await readFrom(reader), contentOf(100, 1));
    reader?.release();
    expect(folder.stats).toMatchObject({ entries: 1, bytes: 200 });
    await reopened();
    same(await contentIn(folder, keyOf(1)), contentOf(200, 2));
    expect(await readdir(path)).toHaveLength(1);
  });

  it('deletes entries by key and by predicate', async () => {
    await opened();
    for (const number of [1, 2, 3]) await store(folder, keyOf(number), contentOf(10), { tag: `r${number % 2}` });
    expect([await folder.delete(keyOf(2)), await folder.delete(keyOf(2))]).toEqual([true, false]);
    const deleted = await folder.deleteWhere(({ tag }) => tag === 'r1');
    expect(deleted.map(({ key }) => key)).toEqual([1, 3].map(keyOf));
    expect([folder.stats.bytes, await readdir(path)]).toEqual([0, []]);
  });

  it('begins and gives nothing after it was closed', async () => {
    await opened();
    await store(folder, keyOf(1), contentOf(10));
    await folder.close();
    expect(folder.acquire(keyOf(1))).toBeUndefined();
    await expect(folder.begin(keyOf(2), { tag: '' })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('an entry folder on a file system of 4 MiB', () => {
  it('keeps all readable that was appended before the disk was full, and leaves nothing behind', async (context) => {
    const small = await smallDisk(4 * MiB);
    if (small === undefined) {
      await opened();
      context.skip('only root may mount a file system');
      return;
    }
    try {
      path = join(small.path, 'cache');
      await opened();
      const content = contentOf(8 * MiB);
      const writer = await folder.begin(keyOf(1), { tag: '' });
      await expect(append(writer, content)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(writer.bytes).toBeGreaterThan(3 * MiB);
      same(await readFrom(writer), content.subarray(0, writer.bytes));
      await writer.abort();
      same(await readFrom(writer), content.subarray(0, writer.bytes));
      writer.release();
      await untilTrue(() => openFilesIn(path).length === 0);
      await store(folder, keyOf(2), content.subarray(0, 3 * MiB));
      same(await contentIn(folder, keyOf(2)), content.subarray(0, 3 * MiB));
      await folder.close();
    } finally {
      await small.remove();
    }
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { type Oid, oidOf, parseOid } from '../../../src/base/oid.ts';
import { KiB, MiB } from '../../../src/base/units.ts';
import type { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { blobKey } from '../../../src/store/keys.ts';
import { openLmdb } from '../../../src/store/lmdb-environment.ts';
import { noObserver } from '../../../src/store/store-observer.ts';
import { CountingObserver } from './counting-observer.ts';
import { blobFile, bytesOf, chunksOf, contentOf, openStore, putContent, temporaryFolder } from './sample-blobs.ts';

const large = contentOf(300 * KiB);
const largeOid = oidOf(large);
const small = contentOf(1_000);
const smallOid = oidOf(small);

describe('DiskBlobStore', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let store: DiskBlobStore | undefined;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'objects');
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    await folder.remove();
  });

  const opened = async (...rest: [Parameters<typeof openStore>[1]?, Parameters<typeof openStore>[2]?]) => {
    await store?.close();
    const result = await openStore(path, ...rest);
    ({ store } = result);
    return result;
  };
  /** The next start finds what a crash leaves: no mark of a clean close. */
  const openedAfterCrash = async (between: () => Promise<void>) => {
    await store?.close();
    store = undefined;
    await between();
    const { BlobIndex } = await import('../../../src/store/blob-index.ts');
    const index = BlobIndex.open({ path: join(path, 'index') }, { clock: systemClock, observer: noObserver });
    await index.begin();
    await index.abandon();
    return opened();
  };
  const exists = (file: string) =>
    access(file).then(
      () => true,
      () => false,
    );

  it('keeps blobs, ages and totals across a restart', async () => {
    const first = await opened();
    await putContent(first.store, small);
    await putContent(first.store, large);
    const stats = await first.store.stats();
    const { store: again } = await opened({}, { clock: first.clock });
    expect(await again.stats()).toMatchObject({ blobCount: 2, storedBytes: stats.storedBytes });
    for (const content of [small, large]) {
      const { chunks } = await again.read(oidOf(content));
      expect((await bytesOf(chunks)).equals(content)).toBe(true);
    }
  });

  it('keeps small blobs in the index and large ones as files', async () => {
    const { store: at } = await opened();
    for (const [bytes, asFile] of [
      [0, false],
      [64 * KiB, false],
      [64 * KiB + 1, true],
    ] as const) {
      const { oid } = await putContent(at, contentOf(bytes));
      expect(await exists(blobFile(path, oid))).toBe(asFile);
    }
  });

  it('serves blobs from where an earlier threshold has put them, and moves them with the next put', async () => {
    await putContent((await opened({ indexedBytesMax: 2_000 })).store, small);
    const { store: at } = await opened({ indexedBytesMax: 10 });
    expect(await at.verify(smallOid)).toBe('PRESENT');
    expect(await putContent(at, small)).toMatchObject({ existed: true });
    await putContent(at, large);
    const raised = (await opened({ indexedBytesMax: MiB })).store;
    expect(await putContent(raised, large)).toMatchObject({ existed: true });
    expect(await exists(blobFile(path, largeOid))).toBe(false);
    expect(await raised.verify(largeOid)).toBe('PRESENT');
    expect(await raised.stats()).toMatchObject({ blobCount: 2, storedBytes: small.length + large.length });
  });

  it('does not write a large blob again that it holds', async () => {
    const { store: at } = await opened({}, {});
    await putContent(at, large);
    let most = 0;
    const watched = async function* () {
      for await (const chunk of chunksOf(large)) {
        most = Math.max(most, (await readdir(join(path, 'tmp'))).length);
        yield chunk;
      }
    };
    expect(await at.put(largeOid, large.length, watched())).toEqual({ existed: true });
    expect(most).toBe(0);
  });

  it('writes a blob anew whose file somebody has deleted', async () => {
    const { store: at } = await opened();
    await putContent(at, large);
    await rm(blobFile(path, largeOid));
    await putContent(at, large);
    expect(await at.verify(largeOid)).toBe('PRESENT');
  });

  it.each([
    { what: 'deleted', harm: (file: string) => rm(file) },
    { what: 'cut short', harm: (file: string) => truncate(file, 100) },
  ])('says "cannot say" and not "missing" of a blob whose file was $what', async ({ harm }) => {
    const { store: at, log } = await opened();
    await putContent(at, large);
    await harm(blobFile(path, largeOid));
    await expect(at.read(largeOid, 5, 10)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await at.presence(largeOid)).toBe('CORRUPT');
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error' }));
  });

  it('tells the sender to repeat a put when the copy it relied on is found damaged meanwhile', async () => {
    const { store: at } = await opened();
    await putContent(at, large);
    const spoilt = async function* () {
      yield large.subarray(0, 1_000);
      await truncate(blobFile(path, largeOid), 100);
      await at.verify(largeOid);
      yield large.subarray(1_000);
    };
    await expect(at.put(largeOid, large.length, spoilt())).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      hint: expect.stringContaining('once more'),
    });
    expect(await putContent(at, large)).toMatchObject({ existed: false });
    expect(await at.verify(largeOid)).toBe('PRESENT');
  });

  it('does not put a copy in quarantine that has been healed while a reader was busy with the old one', async () => {
    const { store: at } = await opened();
    await putContent(at, large);
    await truncate(blobFile(path, largeOid), 0);
    await writeFile(blobFile(path, largeOid), contentOf(large.length, 2));
    const { chunks } = await at.read(largeOid);
    const iterator = chunks[Symbol.asyncIterator]();
    await iterator.next();
    await rm(blobFile(path, largeOid));
    await putContent(at, large);
    const readOn = async () => {
      while ((await iterator.next()).done !== true);
    };
    await expect(readOn()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await at.verify(largeOid)).toBe('PRESENT');
  });

  it('writes a large blob anew when it is put again and its copy has rotted, so that no rotten copy counts', async () => {
    const { store: at } = await opened();
    await putContent(at, large);
    await writeFile(blobFile(path, largeOid), contentOf(large.length, 2));
    await putContent(at, large);
    expect(await at.verify(largeOid)).toBe('PRESENT');
  });

  describe('on a disk that is almost full', () => {
    const disk = { freeBytes: 10 * MiB, capacityBytes: 20 * MiB };
    const measureDisk = async () => disk;

    it('refuses writes that touch the reserve, and goes on with reads, renewals and deletes', async () => {
      disk.freeBytes = 10 * MiB;
      const { store: at, clock } = await opened({ freeBytesMin: MiB }, { measureDisk });
      await putContent(at, large);
      await putContent(at, small);
      disk.freeBytes = MiB;
      clock.advance(1_000);
      for (const content of [contentOf(500), contentOf(200 * KiB)]) {
        await expect(putContent(at, content)).rejects.toMatchObject({
          code: 'DISK_FULL',
          details: { what: 'free disk', limit: BigInt(MiB) },
        });
      }
      expect(await at.verify(largeOid)).toBe('PRESENT');
      expect(await putContent(at, large)).toMatchObject({ existed: true });
      expect(await at.delete(smallOid)).toBe(true);
      expect(await at.stats()).toMatchObject({ blobCount: 1, ...disk });
    });

    it('reserves room for what is under way, and frees it after a failure', async () => {
      disk.freeBytes = MiB;
      const { store: at } = await opened({ freeBytesMin: 0 }, { measureDisk });
      const broken = async function* () {
        yield large.subarray(0, 10);
        await expect(at.put(largeOid, 700 * KiB, chunksOf(large))).rejects.toMatchObject({ code: 'DISK_FULL' });
        throw new Error('gone');
      };
      await expect(at.put(oidOf(small), 700 * KiB, broken())).rejects.toThrow('gone');
      await putContent(at, contentOf(700 * KiB));
    });
  });

  it.each([
    ['a large', 100 * KiB],
    ['a small', 100],
  ] as const)('ends the put of %s blob whose sender has fallen silent, and keeps nothing of it', async (_, bytes) => {
    const { store: at, clock } = await opened();
    const content = contentOf(bytes);
    const silent = Promise.withResolvers<void>();
    async function* falling() {
      yield content.subarray(0, 10);
      silent.resolve();
      await new Promise(() => undefined);
    }
    const putting = expect(at.put(oidOf(content), bytes, falling())).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await silent.promise;
    clock.advance(30_000);
    await putting;
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
    expect(await at.presence(oidOf(content))).toBe('MISSING');
    await putContent(at, content);
  });

  it('lets others write while one announces more than it sends', async () => {
    const measureDisk = async () => ({ freeBytes: 400 * MiB, capacityBytes: 400 * MiB });
    const { store: at } = await opened({}, { measureDisk });
    const [sent, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* idle() {
      yield Buffer.alloc(10);
      sent.resolve();
      await goOn.promise;
    }
    const putting = expect(at.put(largeOid, 400 * MiB - 100 * KiB, idle())).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await sent.promise;
    for (const content of [large.subarray(1), small]) await putContent(at, Buffer.from(content));
    expect(await at.putMany([{ oid: oidOf(large.subarray(2)), content: large.subarray(2) }])).toEqual([
      { existed: false },
    ]);
    goOn.resolve();
    await putting;
  });

  it('ends a large put when others have filled the disk meanwhile', async () => {
    const disk = { freeBytes: 400 * MiB, capacityBytes: 400 * MiB };
    const { store: at, clock } = await opened({}, { measureDisk: async () => disk });
    const chunk = Buffer.alloc(MiB);
    async function* sent() {
      for (let count = 0; count < 70; count += 1) yield chunk;
    }
    const chunks = {
      async *[Symbol.asyncIterator]() {
        yield* sent();
        disk.freeBytes = 0;
        clock.advance(1_000);
        yield* sent();
      },
    };
    await expect(at.put(largeOid, 140 * MiB, chunks)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
  });

  describe('after a crash', () => {
    it('deletes half-written files', async () => {
      await opened();
      const half = join(path, 'tmp', `${largeOid}.00`);
      await openedAfterCrash(() => writeFile(half, 'half'));
      expect(await exists(half)).toBe(false);
    });

    it('deletes a file whose record never reached the disk: nobody was told that it is stored', async () => {
      await opened();
      const file = blobFile(path, largeOid);
      const { store: at } = await openedAfterCrash(async () => {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, large);
      });
      expect(await at.presence(largeOid)).toBe('MISSING');
      expect(await exists(file)).toBe(false);
    });

    it('says "cannot say" of a blob whose file is gone, until it is put again', async () => {
      await putContent((await opened()).store, large);
      const { store: at, log } = await openedAfterCrash(() => rm(blobFile(path, largeOid)));
      expect(await at.presence(largeOid)).toBe('CORRUPT');
      expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error', fields: { oid: largeOid } }));
      await putContent(at, large);
      expect(await at.verify(largeOid)).toBe('PRESENT');
    });

    it('keeps what is whole', async () => {
      const { store: before } = await opened();
      const contents = Array.from({ length: 20 }, (_, seed) => contentOf(70 * KiB + seed, seed));
      for (const content of contents) await putContent(before, content);
      const { store: at } = await openedAfterCrash(() => Promise.resolve());
      for (const content of contents) expect(await at.verify(oidOf(content))).toBe('PRESENT');
      expect(await at.stats()).toMatchObject({ blobCount: 20, quarantinedCount: 0 });
    });

    it.each(['disk', 'quorum'])(
      'has, with durability %s, every blob that was acknowledged before SIGKILL, whole, and none that was deleted',
      async (durability) => {
        const script = fileURLToPath(new URL('./put-until-killed.ts', import.meta.url));
        const writer = spawn(process.execPath, [script, path, durability], { stdio: ['ignore', 'pipe', 'inherit'] });
        const exited = once(writer, 'exit');
        const put: Oid[] = [];
        const deleted: Oid[] = [];
        for await (const line of createInterface({ input: writer.stdout })) {
          const [what, oid = ''] = line.split(' ');
          (what === 'put' ? put : deleted).push(parseOid(oid));
          if (put.length === 400) writer.kill('SIGKILL');
        }
        await exited;
        const { store: at } = await opened();
        const states = await Promise.all(put.map((oid) => at.verify(oid)));
        expect(put.length).toBeGreaterThanOrEqual(400);
        expect(states.filter((state) => state !== 'PRESENT')).toEqual([]);
        expect(await Promise.all(deleted.map((oid) => at.presence(oid)))).not.toContain('PRESENT');
        expect(await readdir(join(path, 'tmp'))).toEqual([]);
        expect(await at.stats()).toMatchObject({ quarantinedCount: 0 });
        const given = await at.getMany(put, 256 * MiB);
        expect(given.map((answer) => (answer.presence === 'PRESENT' ? oidOf(answer.content) : ''))).toEqual(put);
      },
    );
  });

  it.each([
    { durability: 'disk', title: 'every flush' },
    { durability: 'quorum', title: 'no flush, for nothing waits for one' },
  ] as const)('with durability $durability tells of $title', async ({ durability }) => {
    const observer = new CountingObserver();
    const { store: at } = await opened({ durability }, { observer });
    await putContent(at, small);
    await putContent(at, large);
    // The file's content, and a commit for each blob.
    expect(observer.syncedMs).toHaveLength(durability === 'disk' ? 3 : 0);
    expect(await at.verify(largeOid)).toBe('PRESENT');
    const { store: again } = await opened({}, {});
    for (const oid of [smallOid, largeOid]) expect(await again.verify(oid)).toBe('PRESENT');
  });

  describe('with durability quorum', () => {
    const booted = (bootId: string) => ({ readBootId: async () => bootId });
    /** A process that was killed leaves the marker: here it is written again after a clean close. */
    const killed = async (bootId: string) => {
      await opened({ durability: 'quorum' }, booted(bootId));
      await putContent((await opened({ durability: 'quorum' }, booted(bootId))).store, small);
      await store?.close();
      store = undefined;
      await writeFile(join(path, 'unsynced'), bootId);
    };

    it('goes on after its process was killed, in either durability', async () => {
      await killed('boot-1');
      expect(await (await opened({ durability: 'quorum' }, booted('boot-1'))).store.verify(smallOid)).toBe('PRESENT');
      await killed('boot-1');
      expect(await (await opened({}, booted('boot-1'))).store.verify(smallOid)).toBe('PRESENT');
      expect(await (await opened({}, booted('boot-2'))).store.verify(smallOid)).toBe('PRESENT');
    });

    it.each(['disk', 'quorum'] as const)(
      'is not opened, with durability %s, after the machine went down under it',
      async (durability) => {
        await killed('boot-1');
        await expect(opened({ durability }, booted('boot-2'))).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
      },
    );

    it('is opened after the machine went down when it was closed before', async () => {
      await putContent((await opened({ durability: 'quorum' }, booted('boot-1'))).store, small);
      expect(await (await opened({}, booted('boot-2'))).store.verify(smallOid)).toBe('PRESENT');
    });

    it.each([
      { durability: 'disk', timers: 0 },
      { durability: 'quorum', timers: 1 },
    ] as const)('has $timers timers for the flush with durability $durability', async ({ durability, timers }) => {
      const { store: at, clock, log } = await opened({ durability });
      await putContent(at, small);
      expect(clock.pendingTimers()).toBe(timers);
      clock.advance(5_000);
      await at.close();
      store = undefined;
      expect(clock.pendingTimers()).toBe(0);
      expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });

  it('tells of each copy once that it puts in quarantine', async () => {
    const observer = new CountingObserver();
    const { store: at } = await opened({}, { observer });
    await putContent(at, large);
    await truncate(blobFile(path, largeOid), 100);
    for (let time = 0; time < 3; time += 1) expect(await at.verify(largeOid)).toBe('CORRUPT');
    expect(observer.quarantinedCount).toBe(1);
  });

  it('leaves a copy in the index alone that is put anew between the look that found it damaged and the mark', async () => {
    const { store: at } = await opened();
    const blob = { oid: smallOid, content: small };
    await at.putMany([blob]);
    const database = openLmdb(join(path, 'index'));
    await database.put(blobKey('objectContent', smallOid), Buffer.alloc(10, 1));
    await database.close();
    const putting = at.putMany([blob]);
    // The put's transaction waits its turn when the read looks at the content: only promises pass until then.
    for (let turn = 0; turn < 20; turn += 1) await null;
    await expect(at.read(smallOid)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await putting).toEqual([{ existed: true }]);
    expect(await at.presence(smallOid)).toBe('PRESENT');
    expect(await at.verify(smallOid)).toBe('PRESENT');
  });

  it('takes over with a batch a blob that an earlier threshold has put in a file', async () => {
    const before = await opened({ indexedBytesMax: 10 });
    await putContent(before.store, small);
    const { store: at } = await opened();
    expect(await at.putMany([{ oid: smallOid, content: small }])).toEqual([{ existed: true }]);
    expect(await exists(blobFile(path, smallOid))).toBe(false);
    expect(await at.verify(smallOid)).toBe('PRESENT');
  });

  it('refuses each blob of a batch that there is no room for, and none is half there', async () => {
    const { store: at } = await opened(
      { freeBytesMin: MiB },
      { measureDisk: async () => ({ freeBytes: MiB, capacityBytes: 2 * MiB }) },
    );
    const blobs = [1, 2].map((seed) => contentOf(100, seed)).map((content) => ({ oid: oidOf(content), content }));
    const wrong = { oid: smallOid, content: contentOf(5) };
    const fates = await at.putMany([...blobs, wrong]);
    expect(fates.map((fate) => 'code' in fate && fate.code)).toEqual(['DISK_FULL', 'DISK_FULL', 'CHECKSUM_MISMATCH']);
    expect(await at.stats()).toMatchObject({ blobCount: 0 });
    expect(await at.delete(smallOid)).toBe(false);
  });
});

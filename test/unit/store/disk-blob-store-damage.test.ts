import { open as openFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { KiB } from '../../../src/base/units.ts';
import type { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { blobKey } from '../../../src/store/keys.ts';
import { openLmdb } from '../../../src/store/lmdb-environment.ts';
import { blobFile, contentOf, openStore, putContent, temporaryFolder } from './sample-blobs.ts';
import { watchSyncs } from './watch-syncs.ts';

const large = contentOf(300 * KiB);
const largeOid = oidOf(large);
const other = contentOf(200 * KiB, 2);
const otherOid = oidOf(other);
const small = contentOf(1_000);
const smallOid = oidOf(small);

describe('DiskBlobStore on a disk that does harm', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let store: DiskBlobStore | undefined;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'objects');
  });
  afterEach(async () => {
    await closed();
    await folder.remove();
  });

  const closed = async () => {
    await store?.close();
    store = undefined;
  };
  const opened = async (...rest: [Parameters<typeof openStore>[1]?, Parameters<typeof openStore>[2]?]) => {
    await closed();
    const result = await openStore(path, ...rest);
    ({ store } = result);
    return result;
  };
  const all = (at: DiskBlobStore) => at.list(0n, 2n ** 64n - 1n, undefined, 100);
  const filled = async () => {
    const { store: at } = await opened();
    for (const content of [large, other, small]) await putContent(at, content);
    return at;
  };

  it.each([
    { what: 'emptied', harm: () => writeFile(join(path, 'index', 'data.mdb'), '') },
    { what: 'deleted', harm: () => rm(join(path, 'index'), { recursive: true }) },
  ])('keeps every file and serves it when its index was $what', async ({ harm }) => {
    await filled();
    await closed();
    const file = await openFile(blobFile(path, otherOid), 'r+');
    await file.write(Buffer.from('rot'), 0, 3, 5);
    await file.close();
    await harm();
    const { store: at } = await opened();
    expect(await at.verify(largeOid)).toBe('PRESENT');
    expect(await at.presence(otherOid)).toBe('CORRUPT');
    expect(await at.stats()).toMatchObject({ blobCount: 1, storedBytes: large.length, quarantinedCount: 1 });
  });

  it('says nothing of an unclean stop at its first start', async () => {
    const { log } = await opened();
    expect(log.lines).toEqual([]);
  });

  it.each([
    ['a large', largeOid, large],
    ['a small', smallOid, small],
  ] as const)('loses only the one blob whose record cannot be read: %s one', async (_, oid, content) => {
    await filled();
    await closed();
    const database = openLmdb(join(path, 'index'));
    await database.put(blobKey('objectBlob', oid), Buffer.alloc(19, 65));
    await database.close();
    const { store: at, log } = await opened();
    const { entries } = await all(at);
    expect(entries).toHaveLength(3);
    expect(entries.filter(({ presence }) => presence === 'CORRUPT').map((entry) => entry.oid)).toEqual([oid]);
    expect(await at.delete(oid, Number.MAX_SAFE_INTEGER)).toBe(false);
    for (let time = 0; time < 2; time += 1) expect(await at.verify(oid)).toBe('CORRUPT');
    const told = log.lines.filter(({ level, fields }) => level === 'error' && fields.oid === oid);
    expect(told).toHaveLength(1);
    for (const each of [largeOid, otherOid, smallOid]) {
      expect(await at.verify(each)).toBe(each === oid ? 'CORRUPT' : 'PRESENT');
    }
    expect((await at.getMany([oid], KiB)).map(({ presence }) => presence)).toEqual(['CORRUPT']);
    expect(await putContent(at, content)).toEqual({ oid, existed: false });
    expect(await at.verify(oid)).toBe('PRESENT');
  });

  it('deletes a blob whose record cannot be read wherever its content is', async () => {
    const at = await filled();
    const database = openLmdb(join(path, 'index'));
    for (const oid of [largeOid, smallOid]) await database.put(blobKey('objectBlob', oid), Buffer.alloc(3));
    await database.close();
    for (const oid of [largeOid, smallOid]) {
      expect(await at.delete(oid)).toBe(true);
      expect(await at.getMany([oid], KiB)).toEqual([{ presence: 'MISSING' }]);
    }
  });

  it('calls a damaged copy CORRUPT although its file cannot be moved aside', async () => {
    const at = await filled();
    await writeFile(blobFile(path, largeOid), 'rotten');
    await rm(join(path, 'quarantine'), { recursive: true });
    await writeFile(join(path, 'quarantine'), 'a file');
    expect(await at.verify(largeOid)).toBe('CORRUPT');
    expect(await at.verify(otherOid)).toBe('PRESENT');
    await rm(join(path, 'quarantine'));
  });

  it('cannot say of a blob whose file the system refuses to open, and names it in the log', async () => {
    await filled();
    const { store: at, log } = await opened();
    await rm(dirname(blobFile(path, largeOid)), { recursive: true });
    await writeFile(dirname(blobFile(path, largeOid)), 'a file');
    expect(await at.verify(largeOid)).toBe('UNKNOWN');
    expect((await at.getMany([largeOid, smallOid], 1_024 * KiB)).map(({ presence }) => presence)).toEqual([
      'UNKNOWN',
      'PRESENT',
    ]);
    expect(await at.verify(otherOid)).toBe('PRESENT');
    expect(new Set(log.lines.map(({ fields }) => fields.oid))).toEqual(new Set([largeOid]));
  });

  describe('with durability quorum', () => {
    const readBootId = async () => 'boot-1';

    it('has every file on disk when it says at its end that all is', async () => {
      const { store: at } = await opened({ durability: 'quorum' }, { readBootId });
      const syncs = await watchSyncs(path);
      try {
        await putContent(at, large);
        expect(syncs.paths).toEqual([]);
        await closed();
        expect(syncs.paths).toEqual([blobFile(path, largeOid)]);
      } finally {
        syncs.end();
      }
    });

    it('has a file on disk after the next flush', async () => {
      const { store: at, clock } = await opened({ durability: 'quorum' }, { readBootId });
      const syncs = await watchSyncs(path);
      try {
        await putContent(at, large);
        clock.advance(1_000);
        await expect.poll(() => syncs.paths, { timeout: 5_000 }).toEqual([blobFile(path, largeOid)]);
      } finally {
        syncs.end();
      }
    });

    it('puts on disk what a process has left that was killed', async () => {
      await putContent((await opened({ durability: 'quorum' }, { readBootId })).store, large);
      await closed();
      await writeFile(join(path, 'unsynced'), 'boot-1');
      const syncs = await watchSyncs(path);
      try {
        await opened({}, { readBootId });
        expect(syncs.paths).toEqual([blobFile(path, largeOid)]);
      } finally {
        syncs.end();
      }
    });
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobIndex } from '../../../src/store/blob-index.ts';
import type { BlobRecord } from '../../../src/store/blob-record.ts';
import { blobKey, singleKey } from '../../../src/store/keys.ts';
import { openLmdb } from '../../../src/store/lmdb-environment.ts';
import { noObserver } from '../../../src/store/store-observer.ts';
import { manualClock } from '../base/manual-clock.ts';
import { CountingObserver } from './counting-observer.ts';
import { oidAt, temporaryFolder } from './sample-blobs.ts';

const record: BlobRecord = { place: 'index', quarantined: false, size: 3, storedAtMs: 7 };
const oid = oidAt(5n);
const modules = { clock: manualClock(), observer: noObserver };

describe('BlobIndex', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let index: BlobIndex;

  beforeEach(async () => {
    folder = await temporaryFolder();
    index = BlobIndex.open({ path: folder.path }, modules);
  });
  afterEach(async () => {
    await index.abandon();
    await folder.remove();
  });

  const reopen = async () => {
    await index.abandon();
    index = BlobIndex.open({ path: folder.path }, modules);
  };

  it('changes record, content and totals together, and keeps them', async () => {
    expect(await index.putMany(new Map([[oid, Buffer.from('abc')]]), () => 7)).toEqual(new Map([[oid, undefined]]));
    await reopen();
    expect(index.record(oid)).toEqual(record);
    expect(index.content(oid)?.toString()).toBe('abc');
    expect(index.totals()).toEqual({ blobCount: 1, storedBytes: 3, quarantinedCount: 0 });
    await index.change(oid, () => ({ next: undefined, content: 'remove', result: undefined }));
    await reopen();
    expect(index.record(oid)).toBeUndefined();
    expect(index.content(oid)).toBeUndefined();
    expect(index.totals()).toEqual({ blobCount: 0, storedBytes: 0, quarantinedCount: 0 });
  });

  it('puts many in one commit, with the record that each had before', async () => {
    await index.abandon();
    const observer = new CountingObserver();
    index = BlobIndex.open({ path: folder.path }, { ...modules, observer });
    await index.change(oid, () => ({ next: { ...record, quarantined: true }, result: undefined }));
    const blobs = new Map([0n, 5n, 9n].map((position) => [oidAt(position), Buffer.alloc(10, Number(position))]));
    const before = await index.putMany(blobs, () => 8);
    expect([...before.values()]).toEqual([undefined, { ...record, quarantined: true }, undefined]);
    expect(observer.syncedMs).toHaveLength(2);
    expect(index.totals()).toEqual({ blobCount: 3, storedBytes: 30, quarantinedCount: 0 });
    for (const [at, content] of blobs) expect(index.checkedContent(at)?.equals(content)).toBe(true);
  });

  it('writes anew the one of many whose record cannot be read, and its content', async () => {
    const database = openLmdb(folder.path);
    await database.put(blobKey('objectBlob', oid), Buffer.from([99]));
    await database.close();
    await reopen();
    const blobs = new Map([4n, 5n, 6n].map((position) => [oidAt(position), Buffer.from('abc')]));
    const before = await index.putMany(blobs, () => 7);
    expect(before.get(oid)).toMatchObject({ unreadable: true });
    expect(index.content(oid)?.toString()).toBe('abc');
    expect(index.record(oid)).toEqual(record);
    expect(index.totals()).toEqual({ blobCount: 3, storedBytes: 9, quarantinedCount: 0 });
    expect(index.record(oidAt(6n))).toEqual(record);
  });

  it('does not give content that is in quarantine', async () => {
    await index.putMany(new Map([[oid, Buffer.from('abc')]]), () => 7);
    const quarantined = { ...record, quarantined: true };
    await index.change(oid, () => ({ next: quarantined, content: 'quarantine', result: undefined }));
    expect(index.content(oid)).toBeUndefined();
    expect(index.checkedContent(oid)).toBeUndefined();
    expect(index.totals()).toMatchObject({ quarantinedCount: 1 });
  });

  it.each([
    { durability: 'disk', calls: 1 },
    { durability: 'quorum', calls: 0 },
  ] as const)('with durability $durability tells of $calls commits that were synced', async ({ durability, calls }) => {
    await index.abandon();
    const observer = new CountingObserver();
    index = BlobIndex.open({ path: folder.path, durability }, { ...modules, observer });
    await index.putMany(new Map([[oid, Buffer.from('abc')]]), () => 7);
    expect(observer.syncedMs).toHaveLength(calls);
    await reopen();
    expect(index.content(oid)?.toString()).toBe('abc');
  });

  it('shows each of many changes at once the result of those before it', async () => {
    const before = await Promise.all(
      Array.from({ length: 50 }, (_, count) =>
        index.change(oid, (current) => ({ next: { ...record, size: count }, result: current?.size })),
      ),
    );
    expect(before).toEqual([undefined, ...Array.from({ length: 49 }, (_, count) => count)]);
    expect(index.totals()).toEqual({ blobCount: 1, storedBytes: 49, quarantinedCount: 0 });
  });

  it('changes nothing when the decision is a refusal, and goes on with the others', async () => {
    const refused = index.change(oid, () => {
      throw new Error('refused');
    });
    const accepted = index.change(oidAt(6n), () => ({ next: record, result: 'accepted' }));
    await expect(refused).rejects.toThrow('refused');
    expect(await accepted).toBe('accepted');
    expect(index.record(oid)).toBeUndefined();
    expect(index.totals().blobCount).toBe(1);
  });

  it('knows how the last use ended, and that it is new until all files were taken in', async () => {
    expect(await index.begin()).toBe('none');
    await reopen();
    expect(await index.begin()).toBe('none');
    await index.endAdoption();
    await reopen();
    expect(await index.begin()).toBe('unclean');
    await index.close();
    index = BlobIndex.open({ path: folder.path }, modules);
    expect(await index.begin()).toBe('clean');
    await reopen();
    expect(await index.begin()).toBe('unclean');
  });

  it('wants to be looked through when its totals cannot be read, and takes those that were counted', async () => {
    await index.begin();
    await index.endAdoption();
    await index.close();
    const database = openLmdb(folder.path);
    await database.put(singleKey('objectTotals'), Buffer.from([99]));
    await database.close();
    index = BlobIndex.open({ path: folder.path }, modules);
    expect(await index.begin()).toBe('unclean');
    await index.correctTotals({ blobCount: 4, storedBytes: 9, quarantinedCount: 1 });
    await index.putRecords(new Map([[oid, record]]));
    expect(index.totals()).toEqual({ blobCount: 5, storedBytes: 12, quarantinedCount: 1 });
  });

  it('gives all records by id, and lists them with what is known of each', async () => {
    const oids = [oidAt(9n), oidAt(1n), oidAt(2n ** 64n - 1n), oidAt(0n)];
    for (const at of oids) await index.change(at, () => ({ next: record, result: undefined }));
    await index.change(oidAt(9n), () => ({ next: { ...record, quarantined: true }, result: undefined }));
    expect([...index.records()].map(([at]) => at)).toEqual(oids.toSorted());
    const { entries } = index.list(0n, 2n ** 64n - 1n, undefined, 10);
    expect(entries.map((entry) => [entry.oid, entry.presence])).toEqual(
      oids.toSorted().map((at) => [at, at === oidAt(9n) ? 'CORRUPT' : 'PRESENT']),
    );
  });

  it('goes on after a cursor whose blob has been deleted', async () => {
    for (const position of [1n, 2n, 3n]) {
      await index.change(oidAt(position), () => ({ next: record, result: undefined }));
    }
    const page = index.list(0n, 9n, undefined, 2);
    await index.change(oidAt(2n), () => ({ next: undefined, result: undefined }));
    expect(index.list(0n, 9n, page.nextCursor, 2).entries.map((entry) => entry.oid)).toEqual([oidAt(3n)]);
  });
});

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { BlobFiles } from '../../../src/store/blob-files.ts';
import { noObserver } from '../../../src/store/store-observer.ts';
import { blobFile, chunksOf, contentOf, temporaryFolder } from './sample-blobs.ts';
import { type SyncedPaths, watchSyncs } from './watch-syncs.ts';

const content = contentOf(100_000);
const oid = oidOf(content);

describe('BlobFiles', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let files: BlobFiles;

  beforeEach(async () => {
    folder = await temporaryFolder();
    files = new BlobFiles({ path: folder.path }, { clock: systemClock, random: systemRandom, observer: noObserver });
    await files.prepare();
  });
  afterEach(() => folder.remove());

  const publish = async () => files.publish(oid, await files.writeTemporary(oid, chunksOf(content)));

  it('keeps a blob two folders deep, by the first digits of its id', async () => {
    await publish();
    expect((await readFile(blobFile(folder.path, oid))).equals(content)).toBe(true);
    expect(await files.size(oid)).toBe(content.length);
    expect(await Array.fromAsync(files.list())).toEqual([[oid]]);
    expect(await files.listFolder(oid)).toEqual([oid]);
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  describe('with durability quorum', () => {
    const names = () => synced.paths.map((path) => basename(path)).toSorted();
    let synced: SyncedPaths;
    beforeEach(async () => {
      synced = await watchSyncs(folder.path);
    });
    afterEach(() => synced.end());

    const publishAt = async (at: BlobFiles, count: number) => {
      const oids = Array.from({ length: count }, (_, seed) => contentOf(100, seed)).map(
        (each) => [oidOf(each), each] as const,
      );
      for (const [each, bytes] of oids) await at.publish(each, await at.writeTemporary(each, chunksOf(bytes)));
      return oids.map(([each]) => each);
    };
    const unsynced = (unsyncedFilesMax = 10) =>
      new BlobFiles(
        { path: folder.path, durability: 'quorum', unsyncedFilesMax },
        { clock: systemClock, random: systemRandom, observer: noObserver },
      );

    it('puts on disk at a flush what was published since the last one', async () => {
      const at = unsynced();
      const oids = await publishAt(at, 3);
      expect(names()).toEqual([]);
      await at.remove(oids[0] ?? oid);
      await at.flush();
      expect(names()).toEqual(oids.slice(1).toSorted());
      await at.flush();
      expect(names()).toHaveLength(2);
    });

    it('puts a file on disk at once when too many wait for the flush', async () => {
      const oids = await publishAt(unsynced(2), 4);
      expect(names()).toEqual(oids.slice(2).toSorted());
    });

    it('tries again at the next flush what the disk has refused', async () => {
      const at = unsynced();
      const oids = await publishAt(at, 2);
      synced.fail(new Error('the disk has failed'));
      await expect(at.flush()).rejects.toThrow('the disk has failed');
      synced.fail(undefined);
      await at.flush();
      expect(new Set(names())).toEqual(new Set(oids));
    });

    it('puts everything on disk that is there, whoever wrote it', async () => {
      const oids = await publishAt(unsynced(), 3);
      await unsynced().syncAll();
      expect(names()).toEqual(oids.toSorted());
    });
  });

  it('deletes what an earlier process left half written', async () => {
    await writeFile(join(folder.path, 'tmp', `${oid}.0123`), 'half');
    await files.prepare();
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  it('leaves no temporary file when the sender breaks off', async () => {
    const broken = async function* () {
      yield content;
      throw new Error('gone');
    };
    await expect(files.writeTemporary(oid, broken())).rejects.toThrow('gone');
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  it('makes a full disk DISK_FULL and leaves nothing', async () => {
    const full = async function* () {
      yield content;
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    await expect(files.writeTemporary(oid, full())).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readdir(join(folder.path, 'tmp'))).toEqual([]);
  });

  it('knows whether an open file is still the blob’s', async () => {
    await publish();
    const file = await files.open(oid);
    expect(file !== undefined && (await files.isCurrent(oid, file))).toBe(true);
    await publish();
    expect(file !== undefined && (await files.isCurrent(oid, file))).toBe(false);
    await files.remove(oid);
    expect(file !== undefined && (await files.isCurrent(oid, file))).toBe(false);
    await file?.close();
  });

  it('moves a damaged file aside and deletes it from there', async () => {
    await publish();
    await files.quarantine(oid);
    await files.quarantine(oid);
    expect(await files.open(oid)).toBeUndefined();
    expect(await files.listQuarantined()).toEqual([oid]);
    await files.removeQuarantined(oid);
    expect(await files.listQuarantined()).toEqual([]);
  });

  it('takes no stranger’s file for a blob', async () => {
    await mkdir(join(folder.path, 'blobs', 'ab', 'cd'), { recursive: true });
    await writeFile(join(folder.path, 'blobs', 'ab', 'cd', 'notes.txt'), '');
    await writeFile(join(folder.path, 'blobs', 'notes.txt'), '');
    expect((await Array.fromAsync(files.list())).flat()).toEqual([]);
  });
});

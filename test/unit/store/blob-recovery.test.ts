import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import { type Random, systemRandom } from '../../../src/base/random.ts';
import { BlobFiles } from '../../../src/store/blob-files.ts';
import { BlobIndex } from '../../../src/store/blob-index.ts';
import { recoverBlobs } from '../../../src/store/blob-recovery.ts';
import { blobKey } from '../../../src/store/keys.ts';
import { openLmdb } from '../../../src/store/lmdb-environment.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../base/recording-log.ts';
import { CountingObserver } from './counting-observer.ts';
import { blobFile, chunksOf, contentOf, temporaryFolder } from './sample-blobs.ts';

describe('recoverBlobs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let index: BlobIndex;
  let observer: CountingObserver;
  let modules: { clock: ManualClock; random: Random; log: RecordingLog; observer: CountingObserver };
  let files: BlobFiles;

  beforeEach(async () => {
    observer = new CountingObserver();
    modules = { clock: manualClock(), random: systemRandom, log: recordingLog(), observer };
    folder = await temporaryFolder();
    index = BlobIndex.open({ path: join(folder.path, 'index') }, modules);
    files = new BlobFiles({ path: folder.path }, modules);
    await files.prepare();
  });
  afterEach(async () => {
    await index.abandon();
    await folder.remove();
  });

  const addFile = async (seed: number): Promise<Oid> => {
    const content = contentOf(100 + seed, seed);
    const oid = oidOf(content);
    await files.publish(oid, await files.writeTemporary(oid, chunksOf(content)));
    return oid;
  };
  const addRecord = (oid: Oid, place: 'index' | 'file', quarantined = false) =>
    index.change(oid, () => ({ next: { place, quarantined, size: 100, storedAtMs: 1 }, result: undefined }));
  const filesLeft = async () => (await Array.fromAsync(files.list())).flat();

  it('leaves alone what agrees', async () => {
    const oids: Oid[] = [];
    for (let seed = 0; seed < 30; seed += 1) {
      const oid = await addFile(seed);
      await addRecord(oid, 'file');
      oids.push(oid);
    }
    await recoverBlobs(index, files, modules);
    expect((await filesLeft()).toSorted()).toEqual(oids.toSorted());
    expect(index.totals()).toMatchObject({ blobCount: 30, quarantinedCount: 0 });
  });

  it.each([
    { what: 'without a record', prepare: () => Promise.resolve() },
    { what: 'of a blob that is in the index', prepare: (oid: Oid) => addRecord(oid, 'index') },
    { what: 'of a blob in quarantine', prepare: (oid: Oid) => addRecord(oid, 'file', true) },
  ])('deletes a file $what', async ({ prepare }) => {
    await prepare(await addFile(1));
    await recoverBlobs(index, files, modules);
    expect(await filesLeft()).toEqual([]);
  });

  it('goes on with the others where something cannot be deleted, and names it', async () => {
    const [stuck, other] = [await addFile(1), await addFile(2)];
    await rm(blobFile(folder.path, stuck));
    await mkdir(join(blobFile(folder.path, stuck), 'not empty'), { recursive: true });
    await recoverBlobs(index, files, modules);
    expect(await filesLeft()).toEqual([stuck]);
    expect(await files.size(other)).toBeUndefined();
    const fields = expect.objectContaining({ oid: stuck });
    expect(modules.log.lines).toContainEqual(expect.objectContaining({ level: 'error', fields }));
  });

  it('puts a record without its file in quarantine, and no other', async () => {
    const lost = await addFile(1);
    const kept = await addFile(2);
    for (const oid of [lost, kept]) await addRecord(oid, 'file');
    await rm(blobFile(folder.path, lost));
    await recoverBlobs(index, files, modules);
    expect(index.record(lost)?.quarantined).toBe(true);
    expect(index.record(kept)?.quarantined).toBe(false);
    expect(observer.quarantinedCount).toBe(1);
  });

  it('writes a record anew that cannot be read when its file is good, and puts it in quarantine when not', async () => {
    const [good, bad, other] = [await addFile(1), await addFile(2), await addFile(3)];
    await addRecord(other, 'file');
    const lost = oidOf(Buffer.from('in the index'));
    await index.putMany(new Map([[lost, Buffer.from('in the index')]]), () => 7);
    await writeFile(blobFile(folder.path, bad), 'rotten');
    await index.abandon();
    const database = openLmdb(join(folder.path, 'index'));
    for (const oid of [good, bad, lost]) await database.put(blobKey('objectBlob', oid), Buffer.alloc(19, 65));
    await database.close();
    index = BlobIndex.open({ path: join(folder.path, 'index') }, modules);
    await recoverBlobs(index, files, modules);
    expect(index.record(good)).toMatchObject({ place: 'file', quarantined: false, size: 101 });
    for (const oid of [bad, lost]) {
      expect(index.record(oid)).toMatchObject({ quarantined: true, storedAtMs: modules.clock.nowMs() });
      expect(index.record(oid)?.unreadable).toBeUndefined();
      expect(modules.log.lines).toContainEqual(
        expect.objectContaining({ level: 'error', fields: expect.objectContaining({ oid }) }),
      );
    }
    expect(index.checkedContent(lost)).toBeUndefined();
    expect(index.totals()).toEqual({ blobCount: 2, storedBytes: 201, quarantinedCount: 2 });
  });

  it('deletes from quarantine what no record speaks of', async () => {
    const [unknown, known] = [await addFile(1), await addFile(2)];
    for (const oid of [unknown, known]) await files.quarantine(oid);
    await addRecord(known, 'file', true);
    await recoverBlobs(index, files, modules);
    expect(await files.listQuarantined()).toEqual([known]);
  });
});

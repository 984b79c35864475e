import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import { type Random, systemRandom } from '../../../src/base/random.ts';
import { adoptAllFiles, adoptFiles } from '../../../src/store/adopt-files.ts';
import { BlobFiles } from '../../../src/store/blob-files.ts';
import { BlobIndex } from '../../../src/store/blob-index.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../base/recording-log.ts';
import { CountingObserver } from './counting-observer.ts';
import { blobFile, chunksOf, contentOf, temporaryFolder } from './sample-blobs.ts';

describe('the adoption of files', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let index: BlobIndex;
  let files: BlobFiles;
  let modules: {
    clock: ManualClock;
    random: Random;
    log: RecordingLog;
    observer: CountingObserver;
    index: BlobIndex;
    files: BlobFiles;
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    const parts = { clock: manualClock(), random: systemRandom, log: recordingLog(), observer: new CountingObserver() };
    index = BlobIndex.open({ path: join(folder.path, 'index') }, parts);
    files = new BlobFiles({ path: folder.path }, parts);
    await files.prepare();
    await index.begin();
    modules = { ...parts, index, files };
  });
  afterEach(async () => {
    await index.abandon();
    await folder.remove();
  });

  const addFile = async (seed: number): Promise<Oid> => {
    const content = contentOf(1_000, seed);
    const oid = oidOf(content);
    await files.publish(oid, await files.writeTemporary(oid, chunksOf(content)));
    return oid;
  };

  it('gives each good file a record of its size and of now, and says so', async () => {
    const oids = [await addFile(1), await addFile(2), await addFile(3)];
    await adoptAllFiles(modules);
    for (const oid of oids) {
      const storedAtMs = modules.clock.nowMs();
      expect(index.record(oid)).toEqual({ place: 'file', quarantined: false, size: 1_000, storedAtMs });
      expect(await files.size(oid)).toBe(1_000);
    }
    expect(index.totals()).toEqual({ blobCount: 3, storedBytes: 3_000, quarantinedCount: 0 });
    const fields = { adoptedCount: 3, damagedCount: 0 };
    expect(modules.log.lines).toContainEqual(expect.objectContaining({ level: 'error', fields }));
  });

  it.each([
    { what: 'other content', harm: (file: string) => writeFile(file, contentOf(1_000, 99)) },
    { what: 'nothing in it', harm: (file: string) => writeFile(file, '') },
  ])('puts a file with $what in quarantine, and deletes none', async ({ harm }) => {
    const [good, bad] = [await addFile(1), await addFile(2)];
    await harm(blobFile(folder.path, bad));
    await adoptAllFiles(modules);
    expect(index.record(good)?.quarantined).toBe(false);
    expect(index.record(bad)).toMatchObject({ place: 'file', quarantined: true });
    expect(await files.listQuarantined()).toEqual([bad]);
    expect(modules.observer.quarantinedCount).toBe(1);
    expect(modules.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', fields: expect.objectContaining({ oid: bad }) }),
    );
  });

  it('keeps what is in quarantine already', async () => {
    const oid = await addFile(1);
    await files.quarantine(oid);
    await adoptAllFiles(modules);
    expect(index.record(oid)?.quarantined).toBe(true);
    expect(await files.listQuarantined()).toEqual([oid]);
  });

  it('takes a file that cannot be moved out of use all the same, and goes on with the others', async () => {
    const [good, bad] = [await addFile(1), await addFile(2)];
    await writeFile(blobFile(folder.path, bad), 'rotten');
    await rm(join(folder.path, 'quarantine'), { recursive: true });
    await writeFile(join(folder.path, 'quarantine'), 'a file');
    await adoptAllFiles(modules);
    expect([good, bad].map((oid) => index.record(oid)?.quarantined)).toEqual([false, true]);
  });

  it('goes on where an earlier one was interrupted, and is over then', async () => {
    const [first, second] = [await addFile(1), await addFile(2)];
    await adoptFiles([first], modules);
    expect(await index.begin()).toBe('none');
    const before = index.record(first);
    modules.clock.advance(1_000);
    await adoptAllFiles(modules);
    expect(index.record(first)).toEqual(before);
    expect(index.record(second)?.quarantined).toBe(false);
    expect(await index.begin()).toBe('unclean');
  });

  it('says nothing where there was nothing to take in', async () => {
    await adoptAllFiles(modules);
    expect(modules.log.lines).toEqual([]);
    expect(await index.begin()).toBe('unclean');
  });
});

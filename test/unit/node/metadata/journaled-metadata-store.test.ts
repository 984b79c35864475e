import { copyFileSync, mkdirSync } from 'node:fs';
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { JournaledMetadataStore } from '../../../../src/node/metadata/journaled-metadata-store.ts';
import type { StoreReader, StoreTransaction } from '../../../../src/node/metadata/metadata-store.ts';
import { framesOf } from '../../../../src/store/journal-frame.ts';
import { openLmdb } from '../../../../src/store/lmdb-environment.ts';
import { simRandom } from '../../../sim/sim-random.ts';
import { watchSyncs } from '../../store/watch-syncs.ts';
import { temporaryFolder } from './sample-metadata.ts';

/** So small that every few commits turn a segment, and some are larger than one. */
const small = { segmentBytes: 1024, checkpointBytes: 600 };

async function openStore(path?: string, sizes = {}, openDatabase = (at: string) => openLmdb(at)) {
  const folder = path ?? (await temporaryFolder());
  const store = await JournaledMetadataStore.open(folder, sizes, openDatabase);
  onTestFinished(() => store.close());
  return { store, folder };
}

const numberKey = Buffer.from('number');
const put =
  (number: number, bytes = 20) =>
  (to: StoreTransaction) => {
    to.writeState(0, [{ key: numberKey, value: Buffer.from(String(number)) }]);
    to.putRecord(0, BigInt(number), Buffer.alloc(bytes, number % 251));
  };
const numberIn = (reader: StoreReader) => Number(reader.state(0).get(numberKey)?.toString() ?? 0);
const recordsIn = (reader: StoreReader) => [...reader.records(0, 0n)].map(({ index }) => Number(index));
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

/** All that a store holds, to be compared. */
function everything(reader: StoreReader): string {
  const all = { start: Buffer.alloc(0), end: Buffer.alloc(40, 0xff) };
  const parts = [0, 1, 256].map((partition) => [
    reader.header(partition)?.toString('hex'),
    [...reader.records(partition, 0n)].map(({ index, record }) => `${index} ${record.toString('hex')}`),
    [...reader.state(partition).range(all)].map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`),
  ]);
  return JSON.stringify([parts, reader.partitions()]);
}

/** The `number`th commit of a seed: writes and removals of all kinds. */
function anyCommit(seed: number, number: number) {
  return (to: StoreTransaction) => {
    const random = simRandom(seed * 1000 + number);
    const anyBytes = () => Buffer.alloc(random.integer(0, 12) === 0 ? 1500 : random.integer(0, 90), number);
    to.writeState(0, [{ key: numberKey, value: Buffer.from(String(number)) }]);
    for (let change = random.integer(1, 4); change > 0; change -= 1) {
      const partition = [0, 1, 256][random.integer(0, 3)] ?? 0;
      const index = BigInt(random.integer(0, 12));
      const key = Buffer.from([random.integer(0, 6) * 51]);
      const kind = random.integer(0, 7);
      if (kind <= 1) to.writeState(partition, [{ key, value: anyBytes() }]);
      else if (kind === 2) to.writeState(partition, [{ key, value: undefined }]);
      else if (kind === 3) to.putRecord(partition, index, anyBytes());
      else if (kind === 4) to.removeRecords(partition, { fromIndex: index, countMax: 3 });
      else if (kind === 5) to.writeHeader(partition, random.integer(0, 3) === 0 ? undefined : anyBytes());
      else to.removeState(1, 2);
    }
  };
}

/** The folder as it is at this moment, as a crash would leave it: nothing of this process runs meanwhile. */
function copyNow(from: string, to: string): void {
  mkdirSync(join(to, 'journal'), { recursive: true });
  for (const name of ['data.mdb', 'journal/journal-a', 'journal/journal-b'])
    copyFileSync(join(from, name), join(to, name));
}

async function crashed(from: string): Promise<string> {
  const to = await temporaryFolder();
  copyNow(from, to);
  return to;
}

/** Damages the newest frame of the journal, as a crash in the middle of its write does. */
async function tearNewest(folder: string, how: 'cut' | 'garble'): Promise<void> {
  const paths = ['journal-a', 'journal-b'].map((name) => join(folder, 'journal', name));
  const found = await Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(path);
      return { path, bytes, last: framesOf(bytes).at(-1) };
    }),
  );
  found.sort((left, right) => Number((right.last?.sequence ?? 0n) - (left.last?.sequence ?? 0n)));
  const newest = found[0];
  if (newest?.last === undefined) throw new Error('there is no frame');
  const { end, payload } = newest.last;
  if (how === 'garble') newest.bytes.fill(0xa5, end - (payload.length >> 1), end);
  await writeFile(newest.path, how === 'cut' ? newest.bytes.subarray(0, end - 1) : newest.bytes);
}

/** LMDB that takes nothing while it fails, with the error that a full disk has there. */
function fallibleLmdb() {
  let isFailing = false;
  let failures = 0;
  let begun = 0;
  let gate = Promise.resolve();
  const openDatabase = (path: string) => {
    const database = openLmdb(path);
    const take = database.childTransaction.bind(database);
    vi.spyOn(database, 'childTransaction').mockImplementation(async (work) => {
      begun += 1;
      await gate;
      if (!isFailing) return take(work);
      failures += 1;
      const commitError = Promise.reject(Object.assign(new Error('No space left on device'), { code: 28 }));
      return Promise.reject(Object.assign(new Error('Commit failed'), { commitError }));
    });
    return database;
  };
  return {
    openDatabase,
    failures: () => failures,
    begun: () => begun,
    /** Lets none end before what is given back is called. */
    hold: () => {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return held.resolve;
    },
    fail: (fails: boolean) => {
      isFailing = fails;
    },
  };
}

async function openFilesIn(folder: string): Promise<string[]> {
  const names = await readdir('/proc/self/fd');
  const links = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return links.filter((link) => link.startsWith(folder));
}

/** What LMDB alone holds, without the journal. */
async function numberInLmdb(folder: string): Promise<number> {
  const to = await temporaryFolder();
  copyFileSync(join(folder, 'data.mdb'), join(to, 'data.mdb'));
  const { store } = await openStore(to);
  return store.read(numberIn);
}

describe('JournaledMetadataStore', () => {
  it('names its folder when a write fails', async () => {
    const { store, folder } = await openStore();
    const tooLong = [{ key: Buffer.alloc(5_000, 1), value: Buffer.alloc(1) }];
    await expect(store.commit((to) => to.writeState(0, tooLong))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining(folder),
    });
  });

  it('keeps state, header and log of every partition across a reopening', async () => {
    const { store, folder } = await openStore();
    for (const partition of [0, 255, 256]) {
      await store.commit((to) => {
        to.writeState(partition, [{ key: Buffer.from('key'), value: Buffer.from(`state ${partition}`) }]);
        to.writeHeader(partition, Buffer.from(`header ${partition}`));
        to.putRecord(partition, 2n ** 40n, Buffer.from(`record ${partition}`));
      });
    }
    await store.close();
    const { store: reopened } = await openStore(folder);
    const seen = reopened.read((reader) =>
      reader
        .partitions()
        .map((partition) => [
          partition,
          reader.state(partition).get(Buffer.from('key'))?.toString(),
          reader.header(partition)?.toString(),
          [...reader.records(partition, 0n)].map(({ index, record }) => [index, record.toString()]),
        ]),
    );
    expect(seen).toEqual(
      [0, 255, 256].map((partition) => [
        partition,
        `state ${partition}`,
        `header ${partition}`,
        [[2n ** 40n, `record ${partition}`]],
      ]),
    );
  });
});

describe('JournaledMetadataStore after a crash', () => {
  it.each([1, 2])('is at a moment that is no older than the last answer (seed %d)', async (seed) => {
    const { store: model } = await openStore();
    const { store, folder } = await openStore(undefined, small);
    const random = simRandom(seed);
    const states = [model.read(everything)];
    const copies: { path: string; acknowledged: number; asked: number }[] = [];
    let acknowledged = 0;
    let asked = 0;
    const copy = async () => {
      const [was, before] = [asked, acknowledged];
      copies.push({ path: await temporaryFolder(), acknowledged, asked });
      const made = copies.at(-1);
      if (made === undefined || was !== asked || before > acknowledged)
        throw new Error('commits were asked for meanwhile');
      copyNow(folder, made.path);
    };
    for (let round = 0; round < 25; round += 1) {
      const batch: Promise<void>[] = [];
      for (let more = random.integer(1, 4); more > 0; more -= 1) {
        asked += 1;
        const number = asked;
        await model.commit(anyCommit(seed, number));
        states.push(model.read(everything));
        batch.push(
          store.commit(anyCommit(seed, number)).then(() => {
            acknowledged = number;
          }),
        );
      }
      if (round % 4 === 1) await copy();
      await Promise.all(batch);
      expect(store.read(everything)).toBe(states[acknowledged]);
      if (round % 4 === 3) await copy();
    }
    for (const { path, acknowledged: atLeast, asked: atMost } of copies) {
      for (const _ of ['first', 'second']) {
        const again = await JournaledMetadataStore.open(path, small);
        const number = again.read(numberIn);
        expect(number).toBeGreaterThanOrEqual(atLeast);
        expect(number).toBeLessThanOrEqual(atMost);
        expect(again.read(everything)).toBe(states[number]);
        await again.close();
      }
    }
  });

  it.each(['cut', 'garble'] as const)(
    'lacks the last commit alone when a crash has left its frame torn (%s)',
    async (how) => {
      const { store, folder } = await openStore(undefined, { segmentBytes: 1024, checkpointBytes: 2 ** 20 });
      for (let number = 1; number <= 14; number += 1) {
        // One that is larger than a segment, too.
        await store.commit(put(number, number === 9 ? 3000 : 20));
        if (![1, 5, 9, 10, 14].includes(number)) continue;
        const copy = await crashed(folder);
        await tearNewest(copy, how);
        const { store: again } = await openStore(copy, small);
        const expected = number - 1;
        expect(again.read(recordsIn)).toEqual(upTo(expected));
        expect(again.read(numberIn)).toBe(expected);
        await again.commit(put(expected + 1));
        await again.close();
        const { store: last } = await openStore(copy, small);
        expect(last.read(recordsIn)).toEqual(upTo(expected + 1));
        await last.close();
      }
    },
  );

  it('is DATA_CORRUPT when a frame that others follow is damaged, and leaves nothing open', async () => {
    const { store, folder } = await openStore();
    for (const number of upTo(5)) await store.commit(put(number));
    const copy = await crashed(folder);
    const path = join(copy, 'journal', 'journal-a');
    const bytes = await readFile(path);
    const third = framesOf(bytes)[2]?.end ?? 0;
    bytes.writeUInt8(bytes.readUInt8(third - 1) ^ 1, third - 1);
    await writeFile(path, bytes);
    await expect(JournaledMetadataStore.open(copy)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
    expect(await openFilesIn(copy)).toEqual([]);
  });

  it('takes in again what LMDB has already, when the journal is older than LMDB', async () => {
    const { store, folder } = await openStore();
    for (const number of upTo(5)) await store.commit(put(number));
    const early = await crashed(folder);
    for (const number of [6, 7]) await store.commit(put(number));
    await store.close();
    for (const name of ['journal-a', 'journal-b']) {
      copyFileSync(join(early, 'journal', name), join(folder, 'journal', name));
    }
    const { store: again } = await openStore(folder);
    expect(again.read(recordsIn)).toEqual(upTo(7));
    await again.commit(put(8));
    const { store: last } = await openStore(await crashed(folder));
    expect(last.read(recordsIn)).toEqual(upTo(8));
  });
});

describe('JournaledMetadataStore, its commits', () => {
  it('leave nothing of the work that throws, also after a crash, and share one sync', async () => {
    const { store, folder } = await openStore();
    const syncs = await watchSyncs(folder);
    try {
      const outcomes = await Promise.allSettled([
        store.commit(put(1)),
        store.commit((to) => {
          put(2)(to);
          throw new Error('no');
        }),
        store.commit((to) => {
          const before = numberIn(to);
          put(3)(to);
          return [before, numberIn(to)];
        }),
      ]);
      expect(outcomes).toMatchObject([
        { status: 'fulfilled' },
        { status: 'rejected', reason: { code: 'INTERNAL', message: 'no' } },
        { status: 'fulfilled', value: [1, 3] },
      ]);
      expect(syncs.paths).toHaveLength(1);
    } finally {
      syncs.end();
    }
    const { store: again } = await openStore(await crashed(folder));
    expect([store.read(recordsIn), again.read(recordsIn)]).toEqual([
      [1, 3],
      [1, 3],
    ]);
  });

  it('are visible to nobody while the disk has not answered, nor when it refuses', async () => {
    const { store, folder } = await openStore(undefined, small);
    await store.commit(put(1));
    const syncs = await watchSyncs(folder);
    try {
      syncs.fail(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
      await expect(store.commit(put(2))).rejects.toMatchObject({
        code: expect.stringMatching(/^(INTERNAL|DISK_FULL)$/),
      });
      expect(store.read(recordsIn)).toEqual([1]);
    } finally {
      syncs.end();
    }
    // Larger than what is left of the segment: what failed stays behind in the other one.
    await store.commit(put(3, 1000));
    const { store: again } = await openStore(await crashed(folder), small);
    expect([store.read(recordsIn), again.read(recordsIn)]).toEqual([
      [1, 3],
      [1, 3],
    ]);
  });

  it('keep what they have read from a row, whatever is read after it', async () => {
    const { store, folder } = await openStore();
    await store.commit((to) => {
      for (const number of upTo(50)) to.putRecord(0, BigInt(number), Buffer.alloc(200, number));
    });
    await store.close();
    const { store: again } = await openStore(folder);
    await again.commit((to) => {
      for (const { index, record } of [...to.records(0, 1n)]) to.putRecord(1, index, record);
    });
    const copied = again.read((reader) => [...reader.records(1, 0n)].map(({ record }) => record));
    expect(copied).toEqual(upTo(50).map((number) => Buffer.alloc(200, number)));
  });

  it('are refused after a close, and those before it are kept', async () => {
    const { store, folder } = await openStore();
    const before = store.commit(put(1));
    const closing = store.close();
    await expect(store.commit(put(2))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await Promise.all([before, closing]);
    expect(await numberInLmdb(folder)).toBe(1);
    expect(await openFilesIn(folder)).toEqual([]);
  });
});

describe('JournaledMetadataStore, its checkpoints', () => {
  it('come of themselves, and a close takes the rest to LMDB', async () => {
    const { store, folder } = await openStore(undefined, small);
    for (const number of upTo(40)) await store.commit(put(number));
    expect(await numberInLmdb(folder)).toBeGreaterThan(10);
    await store.close();
    expect(await numberInLmdb(folder)).toBe(40);
    expect(await openFilesIn(folder)).toEqual([]);
  });

  it('that fail lose nothing: commits go on until the journal is full, are refused then, and go on when LMDB takes them', async () => {
    const lmdb = fallibleLmdb();
    const { store, folder } = await openStore(undefined, small, lmdb.openDatabase);
    await store.commit(put(1));
    lmdb.fail(true);
    let kept = 1;
    let refusal: unknown;
    while (refusal === undefined && kept < 100) {
      refusal = await store.commit(put(kept + 1)).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refusal === undefined) kept += 1;
    }
    expect(refusal).toMatchObject({ code: 'DISK_FULL' });
    expect(lmdb.failures()).toBeGreaterThan(1);
    // Both segments have been filled, and no more.
    expect(kept).toBeGreaterThan(15);
    expect(kept).toBeLessThan(30);
    expect(store.read(recordsIn)).toEqual(upTo(kept));
    const { store: stillFull } = await openStore(await crashed(folder), small, lmdb.openDatabase);
    expect(stillFull.read(recordsIn)).toEqual(upTo(kept));
    await expect(stillFull.commit(put(kept + 1))).rejects.toMatchObject({ code: 'DISK_FULL' });
    const { store: again } = await openStore(await crashed(folder), small);
    lmdb.fail(false);
    for (const recovered of [store, stillFull, again]) {
      expect(recovered.read(recordsIn)).toEqual(upTo(kept));
      for (let more = 1; more <= 30; more += 1) await recovered.commit(put(kept + more));
      expect(recovered.read(recordsIn)).toEqual(upTo(kept + 30));
    }
    await store.close();
    expect(await numberInLmdb(folder)).toBe(kept + 30);
  });

  it('that fail are overtaken by none of the changes that they hold', async () => {
    const lmdb = fallibleLmdb();
    const { store, folder } = await openStore(undefined, small, lmdb.openDatabase);
    const { store: model } = await openStore();
    for (let number = 1; number <= 80; number += 1) {
      lmdb.fail(number % 5 < 3);
      const committed = store.commit(anyCommit(3, number)).then(
        () => true,
        () => false,
      );
      if (await committed) await model.commit(anyCommit(3, number));
      expect(store.read(everything)).toBe(model.read(everything));
    }
    expect(lmdb.failures()).toBeGreaterThan(3);
    const expected = model.read(everything);
    const { store: afterCrash } = await openStore(await crashed(folder), small);
    expect(afterCrash.read(everything)).toBe(expected);
    lmdb.fail(false);
    await store.close();
    const { store: again } = await openStore(folder, small);
    expect(again.read(everything)).toBe(expected);
  });

  it.each([
    ['succeeds', false],
    ['fails', true],
  ])('lose nothing of what is committed while one is under way that %s', async (_, fails) => {
    const lmdb = fallibleLmdb();
    const { store, folder } = await openStore(undefined, { checkpointBytes: 200 }, lmdb.openDatabase);
    lmdb.fail(fails);
    const letGo = lmdb.hold();
    let count = 0;
    while (lmdb.begun() === 0) {
      count += 1;
      await store.commit(put(count));
    }
    const snapshot = store.snapshot();
    for (const more of [1, 2, 3]) await store.commit(put(count + more));
    await store.commit((to) => to.removeRecords(0, { fromIndex: 1n, countMax: 1 }));
    const expected = upTo(count + 3).slice(1);
    expect([store.read(numberIn), store.read(recordsIn)]).toEqual([count + 3, expected]);
    const { store: afterCrash } = await openStore(await crashed(folder));
    expect([afterCrash.read(numberIn), afterCrash.read(recordsIn)]).toEqual([count + 3, expected]);
    expect(recordsIn(snapshot)).toEqual(upTo(count));
    letGo();
    await store.commit(put(count + 4));
    expect(lmdb.failures() > 0).toBe(fails);
    expect(recordsIn(snapshot)).toEqual(upTo(count));
    snapshot.close();
    lmdb.fail(false);
    await store.close();
    expect(await numberInLmdb(folder)).toBe(count + 4);
    const { store: again } = await openStore(folder);
    expect([again.read(numberIn), again.read(recordsIn)]).toEqual([count + 4, [...expected, count + 4]]);
  });

  it('that fail at the close leave it in the journal', async () => {
    const lmdb = fallibleLmdb();
    const { store, folder } = await openStore(undefined, small, lmdb.openDatabase);
    await store.commit(put(1));
    lmdb.fail(true);
    await store.close();
    expect(lmdb.failures()).toBe(1);
    expect(await openFilesIn(folder)).toEqual([]);
    expect(await numberInLmdb(folder)).toBe(0);
    const { store: again } = await openStore(folder);
    expect(again.read(recordsIn)).toEqual([1]);
  });

  it('leave every snapshot at its moment, those that fail too', async () => {
    const lmdb = fallibleLmdb();
    const { store } = await openStore(undefined, small, lmdb.openDatabase);
    const taken: { snapshot: ReturnType<typeof store.snapshot>; expected: string }[] = [];
    for (let number = 1; number <= 60; number += 1) {
      lmdb.fail(number >= 20 && number < 40);
      const committed = store.commit(anyCommit(7, number)).catch(() => undefined);
      const snapshot = store.snapshot();
      taken.push({ snapshot, expected: store.read(everything) });
      await committed;
    }
    expect(lmdb.failures()).toBeGreaterThan(0);
    for (const { snapshot, expected } of taken) {
      expect(everything(snapshot)).toBe(expected);
      snapshot.close();
    }
    expect(new Set(taken.map(({ expected }) => expected)).size).toBeGreaterThan(30);
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JournaledMetadataStore } from '../../../src/node/metadata/journaled-metadata-store.ts';
import type { MetadataStore, StoreReader, StoreTransaction } from '../../../src/node/metadata/metadata-store.ts';
import { SimProcess } from '../sim-process.ts';
import { type SimRandom, simRandom } from '../sim-random.ts';
import { SimWorld } from '../sim-world.ts';
import { SimDisk, SimMetadataStore } from './sim-disk.ts';

function simStore(seed = 1) {
  const world = new SimWorld({ random: simRandom(seed) });
  const process = new SimProcess({ name: 'metadata-1', wallMs: 0 }, { world });
  const disk = new SimDisk({ id: 'disk-1' });
  return { world, process, disk, store: new SimMetadataStore({ disk, world, process }) };
}

const put = (index: bigint, text: string) => (transaction: StoreTransaction) =>
  transaction.putRecord(1, index, Buffer.from(text));

function recordsOf(reader: StoreReader): string[] {
  return [...reader.records(1, 0n)].map(({ index, record }) => `${index} ${record.toString()}`);
}

/** Anything that a node does to its store, with what it says. */
function anyWork(random: SimRandom): (transaction: StoreTransaction) => unknown {
  const partition = random.pick([0, 1, 256]);
  const key = () => random.bytes(random.integer(1, 2));
  const value = random.bytes(random.integer(0, 4));
  const index = BigInt(random.integer(1, 12));
  const count = random.integer(1, 4);
  const [low, high] = [key(), key()].sort((a, b) => a.compare(b)) as [Buffer, Buffer];
  const reverse = random.chance(0.5);
  return random.pick<(transaction: StoreTransaction) => unknown>([
    (to) =>
      to.writeState(partition, [
        { key: low, value },
        { key: high, value: undefined },
      ]),
    (to) => to.writeState(partition, [{ key: low, value }]),
    (to) => to.writeHeader(partition, count === 1 ? undefined : value),
    (to) => to.putRecord(partition, index, value),
    (to) => to.removeRecords(partition, { fromIndex: index }),
    (to) => to.removeRecords(partition, { fromIndex: index, toIndex: index + 3n, countMax: count }),
    (to) => to.removeState(partition, count),
    (to) =>
      [...to.state(partition).range({ start: low, end: high, reverse, limit: count })].map((entry) => [
        entry.key.toString('hex'),
        entry.keyText(0),
        entry.value,
      ]),
    (to) => to.state(partition).get(low),
    () => {
      throw new Error('refused');
    },
  ]);
}

function everything(reader: StoreReader): unknown {
  const all = { start: Buffer.alloc(0), end: Buffer.alloc(3, 0xff) };
  return [0, 1, 256].map((partition) => [
    reader.header(partition),
    [...reader.records(partition, 3n)].map(({ index, record }) => [index, record.toString('hex')]),
    [...reader.state(partition).range(all)].map(({ key, value }) => [key.toString('hex'), value.toString('hex')]),
    [...reader.state(partition).range({ ...all, reverse: true, limit: 2 })].map(({ key }) => key.toString('hex')),
    reader.partitions(),
  ]);
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await work };
  } catch {
    return 'refused';
  }
}

describe('the simulated disk', () => {
  it('answers as the store on LMDB does, whatever is done to it', async () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'stratum-sim-disk-'));
      const real: MetadataStore = await JournaledMetadataStore.open(folder);
      const { world, store } = simStore(seed);
      const random = simRandom(seed);
      try {
        for (let step = 0; step < 60; step += 1) {
          const workSeed = random.integer(0, 2 ** 31);
          const simulated = outcome(store.commit(anyWork(simRandom(workSeed))));
          const expected = await outcome(real.commit(anyWork(simRandom(workSeed))));
          expect(await world.settle(simulated)).toEqual(expected);
          expect(store.read(everything)).toEqual(real.read(everything));
        }
      } finally {
        await real.close();
        rmSync(folder, { recursive: true });
      }
    }
  });

  it('shows a commit when it is durable, and not before', async () => {
    const { world, store } = simStore();
    const committed = store.commit(put(1n, 'a'));
    expect(store.read(recordsOf)).toEqual([]);
    await world.settle(committed);
    expect(store.read(recordsOf)).toEqual(['1 a']);
  });

  it.each([
    [true, ['1 a', '2 b', '3 c']],
    [false, ['1 a']],
  ])('keeps of a commit under way in a crash all or nothing: all is %s', async (isKept, expected) => {
    const { world, process, disk, store } = simStore();
    await world.settle(store.commit(put(1n, 'a')));
    let isAnswered = false;
    for (const work of [put(2n, 'b'), put(3n, 'c')]) {
      void store.commit(work).then(() => {
        isAnswered = true;
      });
    }
    // Its work is done, its sync is not.
    await world.step();
    process.kill();
    disk.crash(isKept);
    while (await world.step());
    expect(isAnswered).toBe(false);
    expect(recordsOf(disk.reader())).toEqual(expected);
  });

  it('loses in a crash what it had not begun with', async () => {
    const { world, process, disk, store } = simStore();
    void store.commit(put(1n, 'a'));
    process.kill();
    disk.crash(true);
    while (await world.step());
    expect(recordsOf(disk.reader())).toEqual([]);
  });

  it('undoes what throws, and it alone', async () => {
    const { world, store } = simStore();
    const fails = store.commit((transaction) => {
      put(1n, 'a')(transaction);
      throw new Error('refused');
    });
    const works = store.commit(put(2n, 'b'));
    await world.settle(Promise.allSettled([fails, works]));
    await expect(fails).rejects.toThrow('refused');
    expect(store.read(recordsOf)).toEqual(['2 b']);
  });

  it('refuses with DISK_FULL while it is full, with nothing changed', async () => {
    const { world, disk, store } = simStore();
    disk.isFull = true;
    const committed = store.commit(put(1n, 'a'));
    await world.settle(Promise.allSettled([committed]));
    await expect(committed).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(store.read(recordsOf)).toEqual([]);
  });

  it('keeps a snapshot as it was', async () => {
    const { world, store } = simStore();
    await world.settle(store.commit(put(1n, 'a')));
    const snapshot = store.snapshot();
    await world.settle(store.commit(put(1n, 'b')));
    expect(recordsOf(snapshot)).toEqual(['1 a']);
    snapshot.close();
    expect(store.read(recordsOf)).toEqual(['1 b']);
  });
});

import { describe, expect, it } from 'vitest';
import { StratumError } from '../../src/base/errors.ts';
import type { MetadataStore, StoreReader, StoreTransaction } from '../../src/node/metadata/metadata-store.ts';

/** A store that is empty, and what lets its commits go on. */
export interface StoreUnderTest {
  readonly store: MetadataStore;
  /** Resolves as the promise does; a store whose time is its own lets that go on meanwhile. */
  settle<T>(promise: Promise<T>): Promise<T>;
}

const key = Buffer.from('key');
const write = (value: string) => [{ key, value: Buffer.from(value) }];
const valueIn = (reader: StoreReader, partition = 0) => reader.state(partition).get(key)?.toString();
const indexesIn = (reader: StoreReader, partition = 0, from = 0n) =>
  [...reader.records(partition, from)].map(({ index }) => index);

const putRecords = (to: StoreTransaction, partition: number, ...indexes: readonly bigint[]) => {
  for (const index of indexes) to.putRecord(partition, index, Buffer.from(`record ${index}`));
};

/** What every implementation of MetadataStore promises, beside its states (state-reader.ts). */
export function describeMetadataStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`MetadataStore: ${name}`, () => {
    it('sees its own writes within a commit, and those of the commit before', async () => {
      const { store, settle } = await open();
      await settle(store.commit((to) => to.writeState(0, write('old'))));
      const seen = await settle(
        store.commit((to) => {
          const before = valueIn(to);
          to.writeState(0, write('new'));
          return [before, valueIn(to)];
        }),
      );
      expect([...seen, store.read((reader) => valueIn(reader))]).toEqual(['old', 'new', 'new']);
    });

    it('shows a commit to a read in the same turn as its answer, and to none before', async () => {
      const { store, settle } = await open();
      for (let number = 0; number < 20; number += 1) {
        const before = store.read((reader) => valueIn(reader));
        const committed = store.commit((to) => to.writeState(0, write(String(number))));
        expect(store.read((reader) => valueIn(reader))).toBe(before);
        await settle(committed);
        expect(store.read((reader) => valueIn(reader))).toBe(String(number));
      }
    });

    it('takes commits in the order in which they were asked for', async () => {
      const { store, settle } = await open();
      const seen = Array.from({ length: 10 }, (_, at) =>
        store.commit((to) => {
          const before = valueIn(to) ?? '';
          to.writeState(0, write(`${before}${at}`));
          return before;
        }),
      );
      expect(await settle(Promise.all(seen))).toEqual(Array.from({ length: 10 }, (_, at) => '0123456789'.slice(0, at)));
    });

    it('undoes everything of the work that throws and nothing of the others, and goes on', async () => {
      const { store, settle } = await open();
      await settle(store.commit((to) => to.writeState(0, write('old'))));
      const failing = store.commit((to) => {
        to.writeState(0, write('new'));
        to.writeHeader(0, Buffer.from('header'));
        putRecords(to, 0, 1n);
        throw new StratumError('REPO_EXISTS', 'no', { kind: 'repository', id: 'x' });
      });
      const beside = store.commit((to) => putRecords(to, 1, 1n));
      await settle(Promise.allSettled([failing, beside]));
      await expect(failing).rejects.toMatchObject({ code: 'REPO_EXISTS' });
      expect(
        store.read((reader) => [valueIn(reader), reader.header(0), indexesIn(reader), indexesIn(reader, 1)]),
      ).toEqual(['old', undefined, [], [1n]]);
      await settle(store.commit((to) => to.writeState(0, write('next'))));
      expect(store.read((reader) => valueIn(reader))).toBe('next');
    });

    it('keeps the partitions apart', async () => {
      const { store, settle } = await open();
      await settle(
        store.commit((to) => {
          for (const partition of [0, 1, 256]) {
            to.writeState(partition, write(`of ${partition}`));
            to.writeHeader(partition, Buffer.from(`header ${partition}`));
            putRecords(to, partition, 1n, 2n);
          }
        }),
      );
      await settle(
        store.commit((to) => {
          to.removeState(1, 10);
          to.removeRecords(1, { fromIndex: 0n });
          to.writeHeader(1, undefined);
        }),
      );
      const seen = store.read((reader) =>
        [0, 1, 256].map((at) => [valueIn(reader, at), reader.header(at)?.toString(), indexesIn(reader, at)]),
      );
      expect(seen).toEqual([
        ['of 0', 'header 0', [1n, 2n]],
        [undefined, undefined, []],
        ['of 256', 'header 256', [1n, 2n]],
      ]);
      expect(store.read((reader) => reader.partitions())).toEqual([0, 256]);
    });

    it('gives records in the order of their indexes, whatever their size', async () => {
      const { store, settle } = await open();
      const indexes = [1n, 255n, 256n, 65_536n, 2n ** 32n, 2n ** 53n + 1n];
      await settle(store.commit((to) => putRecords(to, 0, ...indexes.toReversed())));
      expect(store.read((reader) => indexesIn(reader))).toEqual(indexes);
      expect(store.read((reader) => indexesIn(reader, 0, 256n))).toEqual(indexes.slice(2));
      const texts = store.read((reader) => [...reader.records(0, 0n)].map(({ record }) => record.toString()));
      expect(texts).toEqual(indexes.map((index) => `record ${index}`));
    });

    it.each([
      ['to the end', { fromIndex: 3n }, [1n, 2n], 3],
      ['up to one, which stays', { fromIndex: 2n, toIndex: 4n }, [1n, 4n, 5n], 2],
      ['no more than it may, the first ones', { fromIndex: 1n, countMax: 2 }, [3n, 4n, 5n], 2],
      ['that are not there', { fromIndex: 6n }, [1n, 2n, 3n, 4n, 5n], 0],
    ])('removes records %s, and says how many', async (_, range, left, count) => {
      const { store, settle } = await open();
      await settle(store.commit((to) => putRecords(to, 0, 1n, 2n, 3n, 4n, 5n)));
      expect(await settle(store.commit((to) => to.removeRecords(0, range)))).toBe(count);
      expect(store.read((reader) => indexesIn(reader))).toEqual(left);
    });

    it('removes a state in steps, until nothing is left', async () => {
      const { store, settle } = await open();
      const rows = Array.from({ length: 5 }, (_, at) => ({ key: Buffer.from(`k${at}`), value: Buffer.alloc(1) }));
      await settle(store.commit((to) => to.writeState(0, rows)));
      const counts: number[] = [];
      for (let step = 0; step < 4; step += 1) counts.push(await settle(store.commit((to) => to.removeState(0, 2))));
      expect(counts).toEqual([2, 2, 1, 0]);
    });

    it('keeps a snapshot as it was across later commits and turns', async () => {
      const { store, settle } = await open();
      await settle(
        store.commit((to) => {
          to.writeState(0, write('old'));
          to.writeHeader(0, Buffer.from('old'));
          putRecords(to, 0, 1n);
        }),
      );
      const snapshot = store.snapshot();
      await settle(
        store.commit((to) => {
          to.writeState(0, write('new'));
          to.writeHeader(0, Buffer.from('new'));
          putRecords(to, 0, 2n);
        }),
      );
      const seen = (reader: StoreReader) => [valueIn(reader), reader.header(0)?.toString(), indexesIn(reader)];
      expect(seen(snapshot)).toEqual(['old', 'old', [1n]]);
      snapshot.close();
      expect(store.read(seen)).toEqual(['new', 'new', [1n, 2n]]);
    });
  });
}

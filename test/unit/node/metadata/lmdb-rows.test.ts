import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keyBytesMax, LmdbRows } from '../../../../src/node/metadata/lmdb-rows.ts';
import type { StateRange, StateReader } from '../../../../src/node/metadata/state.ts';
import { openLmdb } from '../../../../src/store/lmdb-environment.ts';
import { MemoryState } from './memory-state.ts';
import { temporaryFolder } from './sample-metadata.ts';

const key = fc
  .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { minLength: 1, maxLength: 3 })
  .map((at) => Buffer.from(at));
const range = fc.record(
  { start: key, end: key, reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 6 }) },
  { requiredKeys: ['start', 'end'] },
);

const rowsOf = (reader: StateReader, wanted: StateRange) =>
  [...reader.range(wanted)].map((entry) => [entry.key.toString('hex'), entry.value.toString('hex'), entry.keyText(1)]);

async function openDatabase() {
  const database = openLmdb(await temporaryFolder());
  onTestFinished(() => database.close());
  return database;
}

describe('LmdbRows', () => {
  it('gives every range as a plain sorted map does', async () => {
    const database = await openDatabase();
    const model = new MemoryState();
    for (const [at, row] of fc.sample(key, { numRuns: 60, seed: 1 }).entries()) {
      const value = Buffer.alloc(at % 4, at);
      model.write([{ key: row, value }]);
      await database.put(row, value);
    }
    const rows = new LmdbRows(database);
    fc.assert(
      fc.property(range, key, (wanted, single) => {
        expect(rowsOf(rows, wanted)).toEqual(rowsOf(model, wanted));
        expect(rows.get(single)).toEqual(model.get(single));
      }),
      { numRuns: 500 },
    );
  });

  it('takes the longest key, and has no row of one that is longer', async () => {
    const database = await openDatabase();
    const longest = Buffer.alloc(keyBytesMax, 1);
    await database.put(longest, Buffer.from('there'));
    const rows = new LmdbRows(database);
    expect(rows.get(longest)?.toString()).toBe('there');
    expect(rows.get(Buffer.alloc(keyBytesMax + 1, 1))).toBeUndefined();
  });

  it('stays at the moment of its transaction, and without one is at the present', async () => {
    const database = await openDatabase();
    const row = Buffer.from('key');
    await database.put(row, Buffer.from('old'));
    const transaction = database.useReadTransaction();
    onTestFinished(() => transaction.done());
    await database.put(row, Buffer.from('new'));
    const all = { start: Buffer.from('a'), end: Buffer.from('z') };
    const seen = [new LmdbRows(database, transaction), new LmdbRows(database)].map((rows) => [
      rows.get(row)?.toString(),
      ...[...rows.range(all)].map(({ value }) => value.toString()),
    ]);
    expect(seen).toEqual([
      ['old', 'old'],
      ['new', 'new'],
    ]);
  });
});

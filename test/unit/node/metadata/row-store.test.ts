import { describe, expect, it } from 'vitest';
import { RowReader, RowWriter } from '../../../../src/node/metadata/row-store.ts';
import { MemoryState } from './memory-state.ts';

const text = (value: string) => Buffer.from(value);
const all = { start: Buffer.alloc(0), end: Buffer.alloc(4, 0xff) };
const partitions = [0, 1, 255, 256, 511, 0xffff];

/** A store whose writes are there at once. */
function rowStore() {
  const rows = new MemoryState();
  const writer = new RowWriter(rows, (key, value) => rows.write([{ key, value }]));
  return { rows, writer, reader: new RowReader(rows) };
}

function filled() {
  const { rows, writer, reader } = rowStore();
  for (const partition of partitions) {
    writer.writeState(partition, [
      { key: text('a'), value: text(`state ${partition}`) },
      { key: Buffer.alloc(3, 0xff), value: text('last') },
    ]);
    writer.writeHeader(partition, text(`header ${partition}`));
    for (const index of [0n, 1n, 255n, 256n, 2n ** 64n - 2n]) writer.putRecord(partition, index, text(String(index)));
  }
  return { rows, writer, reader };
}

const contentOf = (reader: RowReader, partition: number) => [
  [...reader.state(partition).range(all)].map((entry) => [entry.keyText(0), entry.key.length, entry.value.toString()]),
  reader.header(partition)?.toString(),
  [...reader.records(partition, 1n)].map(({ index, record }) => [index, record.toString()]),
];

const wholeOf = (partition: number) => [
  [
    ['a', 1, `state ${partition}`],
    [Buffer.alloc(3, 0xff).toString(), 3, 'last'],
  ],
  `header ${partition}`,
  [1n, 255n, 256n, 2n ** 64n - 2n].map((index) => [index, String(index)]),
];

describe('the rows of a metadata store', () => {
  it('keep partitions apart, whatever the bytes of their numbers', () => {
    const { reader } = filled();
    expect(reader.partitions()).toEqual(partitions);
    for (const partition of partitions) expect(contentOf(reader, partition)).toEqual(wholeOf(partition));
    expect(contentOf(reader, 2)).toEqual([[], undefined, []]);
  });

  it.each(partitions)('are all gone of partition %d when they are removed, and no others', (removed) => {
    const { rows, writer, reader } = filled();
    expect(writer.removeState(removed, 1)).toBe(1);
    expect(writer.removeState(removed, 10)).toBe(1);
    expect(writer.removeRecords(removed, { fromIndex: 0n })).toBe(5);
    writer.writeHeader(removed, undefined);
    const others = partitions.filter((partition) => partition !== removed);
    expect(reader.partitions()).toEqual(others);
    for (const partition of others) expect(contentOf(reader, partition)).toEqual(wholeOf(partition));
    expect(rows.entries()).toHaveLength(others.length * 8);
  });

  it.each([
    ['from an index', { fromIndex: 255n }, [0n, 1n]],
    ['to before an index', { fromIndex: 1n, toIndex: 256n }, [0n, 256n, 2n ** 64n - 2n]],
    ['the first ones', { fromIndex: 0n, countMax: 2 }, [255n, 256n, 2n ** 64n - 2n]],
    [
      'none where the end is before the beginning',
      { fromIndex: 256n, toIndex: 1n },
      [0n, 1n, 255n, 256n, 2n ** 64n - 2n],
    ],
  ])('of a log are removed %s', (_, range, left) => {
    const { writer, reader } = filled();
    expect(writer.removeRecords(255, range)).toBe(5 - left.length);
    expect([...reader.records(255, 0n)].map(({ index }) => index)).toEqual(left);
  });

  it('of a state are read downwards and with a limit', () => {
    const { reader } = filled();
    const down = reader.state(255).range({ ...all, reverse: true, limit: 1 });
    expect([...down].map(({ value }) => value.toString())).toEqual(['last']);
    expect(reader.state(255).get(text('a'))?.toString()).toBe('state 255');
  });
});

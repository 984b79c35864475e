import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hint } from '../../../../src/replication/hints/hint-record.ts';
import { HintTable } from '../../../../src/replication/hints/hint-table.ts';
import { temporaryFolder } from '../../store/sample-blobs.ts';
import { gapAt } from './sample-hints.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let table: HintTable;

const hintAt = (nodeId: string, number: bigint): Hint => ({
  ...gapAt(nodeId, Number(number % 1_000n)),
  number,
  notedAtMs: 5,
  attempts: 0,
});

beforeEach(async () => {
  folder = await temporaryFolder();
  table = HintTable.open(folder.path);
});
afterEach(async () => {
  await table.close();
  await folder.remove();
});

describe('the table of hints', () => {
  it('lists a node’s hints by number, beyond one byte and up to the greatest', async () => {
    const numbers = [300n, 2n ** 64n - 1n, 2n, 255n, 256n, 2n ** 32n];
    await table.change(() => {
      for (const number of numbers) for (const nodeId of ['a', 'ab']) table.add(hintAt(nodeId, number));
    });
    const listed = (after: bigint) => [...table.list('a', after)].map(({ number }) => number);
    expect(listed(0n)).toEqual([2n, 255n, 256n, 300n, 2n ** 32n, 2n ** 64n - 1n]);
    expect(listed(255n)).toEqual([256n, 300n, 2n ** 32n, 2n ** 64n - 1n]);
    expect([listed(2n ** 64n - 2n), listed(2n ** 64n - 1n)]).toEqual([[2n ** 64n - 1n], []]);
  });

  it('finds the hint of a node and a blob, until it is removed', async () => {
    const hint = hintAt('a', 7n);
    await table.change(() => table.add(hint));
    expect(table.find(hint)).toEqual(hint);
    expect(table.find({ ...hint, nodeId: 'b' })).toBeUndefined();
    expect(table.find(gapAt('a', 8))).toBeUndefined();
    await table.change(() => table.replace({ ...hint, attempts: 3 }));
    expect(table.find(hint)?.attempts).toBe(3);
    await table.change(() => table.remove(hint));
    expect([table.find(hint), [...table.list('a', 0n)], table.slice(undefined, 9).hints]).toEqual([undefined, [], []]);
  });

  it('gives all hints with their nodes, slice by slice', async () => {
    const hints = [
      hintAt('a', 1n),
      hintAt('a', 2n ** 64n - 1n),
      hintAt('a-2', 2n),
      hintAt('b.c_d', 3n),
      hintAt('c', 4n),
    ];
    await table.change(() => {
      for (const hint of hints) table.add(hint);
    });
    const found: Hint[][] = [];
    for (let slice = table.slice(undefined, 2); slice.last !== undefined; slice = table.slice(slice.last, 2)) {
      found.push([...slice.hints]);
    }
    expect(found.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(found.flat()).toEqual(expect.arrayContaining(hints));
  });
});

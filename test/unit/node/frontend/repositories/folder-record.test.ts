import { linkSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderRecord } from '../../../../../src/node/frontend/repositories/folder-record.ts';

let folder: string;
let record: FolderRecord;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'record-'));
  for (const file of ['a', 'b']) writeFileSync(join(folder, file), 'ten bytes.');
  record = new FolderRecord(folder);
  await record.note(['a', 'b', 'none']);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('FolderRecord', () => {
  it('knows the files that are there and their bytes, and counts each once', async () => {
    await record.note(['a']);
    expect([record.has('a'), record.has('none'), record.bytes]).toEqual([true, false, 20]);
    expect(await record.touched()).toEqual([]);
    record.forget(['a', 'none']);
    expect([record.has('a'), record.bytes]).toEqual([false, 10]);
    record.clear();
    expect([record.has('b'), record.bytes, await record.touched()]).toEqual([false, 0, []]);
  });

  it.each<[string, (file: string) => void]>([
    ['is gone', (file) => rmSync(file)],
    ['has another size', (file) => writeFileSync(file, 'x')],
    [
      'was written with the same size',
      (file) => {
        writeFileSync(file, 'TEN bytes.');
        utimesSync(file, 1, 1); // Whatever the clock's step is, the time differs.
      },
    ],
    [
      'is another file of the same size and time',
      (file) => {
        const { atime, mtime } = statSync(file);
        writeFileSync(`${file}.new`, 'TEN bytes.');
        utimesSync(`${file}.new`, atime, mtime);
        renameSync(`${file}.new`, file);
      },
    ],
  ])('names a file that %s', async (_, touch) => {
    touch(join(folder, 'a'));
    expect(await record.touched()).toEqual(['a']);
    await record.note(['a']);
    expect(await record.touched()).toEqual([]);
  });

  it('names all of them when the folder is gone, and none for a second link', async () => {
    linkSync(join(folder, 'a'), join(folder, 'c'));
    expect(await record.touched()).toEqual([]);
    rmSync(folder, { recursive: true });
    expect((await record.touched()).sort()).toEqual(['a', 'b']);
    await record.note(['a', 'b']);
    expect(record.bytes).toBe(0);
  });
});

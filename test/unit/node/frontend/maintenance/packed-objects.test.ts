import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PackedObjects } from '../../../../../src/node/frontend/maintenance/packed-objects.ts';
import { openFilesIn } from '../../../store/sample-entries.ts';
import { gitOk, makeWork } from '../frontend-fixture.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'packed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An index of version 2 with the ids alone: what follows them is not read. */
function writeIndex(name: string, ids: readonly string[]): string {
  const sorted = [...new Set(ids)].sort();
  const fanout = Buffer.alloc(1024);
  for (let first = 0; first < 256; first += 1) {
    const upTo = sorted.filter((id) => Number.parseInt(id.slice(0, 2), 16) <= first).length;
    fanout.writeUInt32BE(upTo, first * 4);
  }
  const path = join(folder, `${name}.idx`);
  const head = Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]);
  writeFileSync(path, Buffer.concat([head, fanout, Buffer.from(sorted.join(''), 'hex')]));
  return path;
}

/** An index that ends where its ids should begin. */
function indexHead(countUpTo: (first: number) => number): Buffer {
  const fanout = Buffer.alloc(1024);
  for (let first = 0; first < 256; first += 1) fanout.writeUInt32BE(countUpTo(first), first * 4);
  return Buffer.concat([Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]), fanout]);
}

async function idsOf(parts: AsyncIterable<Buffer>): Promise<string[]> {
  const hex = Buffer.concat(await Array.fromAsync(parts)).toString('hex');
  return hex.match(/.{40}/g) ?? [];
}

describe('the objects of some packs', () => {
  it('are united and subtracted as sets are', async () => {
    const id = fc
      .integer({ min: 0, max: 40 })
      .map((number) => `${(number * 7).toString(16).padStart(2, '0').slice(-2)}${'0'.repeat(37)}${number % 10}`);
    const pack = fc.array(id, { maxLength: 12 });
    const memory = fc.constantFrom(0, 100, undefined);
    const question = fc.tuple(fc.array(pack, { maxLength: 5 }), fc.array(pack, { maxLength: 3 }), memory);
    await fc.assert(
      fc.asyncProperty(question, async ([ours, theirs, memoryBytesMax]) => {
        const sets = [ours, theirs].map((packs, set) => {
          const indexPaths = packs.map((ids, at) => writeIndex(`${set}-${at}`, ids));
          const bound = memoryBytesMax === undefined ? {} : { memoryBytesMax };
          return new PackedObjects({ indexPaths, format: 'sha1', ...bound });
        });
        const [a, b] = sets;
        if (a === undefined || b === undefined) throw new Error('two sets are made');
        const union = [...new Set(ours.flat())].sort();
        const rest = union.filter((each) => !theirs.flat().includes(each));
        expect(await idsOf(a.parts())).toEqual(union);
        expect(await a.count()).toBe(union.length);
        expect(await idsOf(a.without(b))).toEqual(rest);
        expect(await a.countWithout(b)).toBe(rest.length);
      }),
      { numRuns: 50 },
    );
  });

  it.each(['sha1', 'sha256'] as const)('are those that git has in a pack with %s', async (format) => {
    const work = await makeWork(folder, 3, [`--object-format=${format}`]);
    await gitOk(work, ['repack', '-adq']);
    const lines = (await gitOk(work, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'])).split('\n');
    const path = join(work, '.git', 'objects', 'pack');
    const indexPaths = readdirSync(path).flatMap((file) => (file.endsWith('.idx') ? [join(path, file)] : []));
    const packed = new PackedObjects({ indexPaths, format });
    const hex = Buffer.concat(await Array.fromAsync(packed.parts())).toString('hex');
    expect(hex).toBe(lines.sort().join(''));
    expect(await packed.count()).toBe(lines.length);
  });

  it.each([0, 10_000, undefined])(
    'are read with few files open at once, with memory for %s bytes of ids',
    async (bytes) => {
      const ids = Array.from(
        { length: 200 },
        (_, at) => `${(at % 100).toString(16).padStart(2, '0')}${'a'.repeat(36)}aa`,
      );
      const indexPaths = ids.map((id, at) => writeIndex(`pack-${at}`, [id, `ff${at.toString(16).padStart(38, '0')}`]));
      const bound = bytes === undefined ? {} : { memoryBytesMax: bytes };
      const [ours, theirs] = [0, 1].map((from) => {
        return new PackedObjects({ indexPaths: indexPaths.slice(from), format: 'sha1', ...bound });
      });
      if (ours === undefined || theirs === undefined) throw new Error('two sets are made');
      let hasEnded = false;
      const difference = idsOf(ours.without(theirs)).finally(() => {
        hasEnded = true;
      });
      let openMost = 0;
      while (!hasEnded) {
        openMost = Math.max(openMost, openFilesIn(folder).length);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await difference).toEqual([`ff${'0'.repeat(38)}`]);
      expect(await ours.count()).toBe(300);
      expect(openMost).toBeLessThanOrEqual(64);
      expect(openFilesIn(folder)).toEqual([]);
    },
  );

  it.each([
    ['is none', Buffer.alloc(2_000)],
    ['ends early', Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2, 0, 0])],
    ['counts backwards', indexHead((first) => (first === 7 ? 1 : 0))],
    ['ends before its ids', indexHead(() => 3)],
  ])('cannot be told from a file that %s', async (_, content) => {
    const path = join(folder, 'bad.idx');
    writeFileSync(path, content);
    await expect(new PackedObjects({ indexPaths: [path], format: 'sha1' }).count()).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
    });
  });
});

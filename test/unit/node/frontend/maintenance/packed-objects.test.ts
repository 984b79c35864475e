import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PackedObjects } from '../../../../../src/node/frontend/maintenance/packed-objects.ts';
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
    const question = fc.tuple(fc.array(pack, { maxLength: 5 }), fc.array(pack, { maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(question, async ([ours, theirs]) => {
        const sets = [ours, theirs].map((packs, set) => {
          const indexPaths = packs.map((ids, at) => writeIndex(`${set}-${at}`, ids));
          return new PackedObjects({ indexPaths, format: 'sha1' });
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

  it.each([
    ['is none', Buffer.alloc(2_000)],
    ['ends early', Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2, 0, 0])],
  ])('cannot be told from a file that %s', async (_, content) => {
    const path = join(folder, 'bad.idx');
    writeFileSync(path, content);
    await expect(new PackedObjects({ indexPaths: [path], format: 'sha1' }).count()).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
    });
  });
});

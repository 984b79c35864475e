import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countPackObjects, findInPackIndex } from '../../../src/git/pack-index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pack-index-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function git(args: string[], input?: string): string {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
  return execFileSync('git', ['-C', folder, ...args], { env, input: input ?? '', stdio: ['pipe', 'pipe', 'ignore'] })
    .toString()
    .trim();
}

function rangesOf(bytes: Buffer) {
  const reads: [number, number][] = [];
  const read = async (offset: number, length: number) => {
    reads.push([offset, length]);
    return bytes.subarray(offset, offset + length);
  };
  return { read, reads };
}

describe.each(['sha1', 'sha256'])('an index that git wrote for a %s repository', (format) => {
  it('finds every object with two reads, and no other', async () => {
    git(['init', '-q', '--bare', `--object-format=${format}`, '.']);
    const stream = Array.from({ length: 600 }, (_, at) => `blob\ndata ${`${at}`.length}\n${at}\n`).join('');
    git(['-c', 'fastimport.unpackLimit=0', 'fast-import', '--quiet'], stream);
    const packs = join(folder, 'objects', 'pack');
    const name = readdirSync(packs).find((file) => file.endsWith('.idx')) ?? '';
    const bytes = readFileSync(join(packs, name));
    const ids = git(['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']).split('\n');
    expect(await countPackObjects(rangesOf(bytes))).toBe(ids.length);
    for (const [at, id] of ids.entries()) {
      const ranges = rangesOf(bytes);
      expect(await findInPackIndex(ranges, id)).toBe(at);
      expect(ranges.reads).toHaveLength(2);
    }
    const absent = ids.map((id) => `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`);
    for (const id of absent) expect(await findInPackIndex(rangesOf(bytes), id)).toBeUndefined();
  });
});

describe('an index that is broken', () => {
  it.each([
    ['empty', Buffer.alloc(0)],
    ['of another version', Buffer.concat([Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 1]), Buffer.alloc(1024)])],
    ['cut off', Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2, 0])],
  ])('is refused when it is %s', async (_, bytes) => {
    await expect(findInPackIndex(rangesOf(bytes), 'a'.repeat(40))).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('is refused when its fan-out decreases', async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]), Buffer.alloc(1024)]);
    bytes.writeUInt32BE(9, 8 + 0xa9 * 4);
    await expect(findInPackIndex(rangesOf(bytes), 'aa'.repeat(20))).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });
});

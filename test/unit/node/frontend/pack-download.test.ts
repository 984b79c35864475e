import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { downloadFile, isIntact, packFilesOf } from '../../../../src/node/frontend/pack-download.ts';
import { MemoryObjects } from './memory-objects.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const signal = new AbortController().signal;
const content = Buffer.alloc(200_000, 'stratum');
const file = () => ({ path: join(folder, 'pack-1.pack'), oid: oidOf(content), sizeBytes: content.length });

describe('downloadFile', () => {
  it('writes the blob to its file and replaces a damaged one', async () => {
    const objects = new MemoryObjects();
    objects.blobs.set(oidOf(content), content);
    writeFileSync(file().path, 'damaged');
    await downloadFile(file(), objects, signal);
    expect(readFileSync(file().path)).toEqual(content);
    expect(readdirSync(folder)).toEqual(['pack-1.pack']);
  });

  it('never leaves a file with other content, nor a temporary one', async () => {
    const objects = new MemoryObjects();
    objects.blobs.set(oidOf(content), Buffer.alloc(content.length));
    await expect(downloadFile(file(), objects, signal)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    objects.blobs.clear();
    await expect(downloadFile(file(), objects, signal)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('isIntact', () => {
  it.each([
    ['is not there', undefined, false, false],
    ['has another size', Buffer.from('x'), false, false],
    ['has other content', Buffer.alloc(content.length), true, false],
    ['is whole', content, true, true],
  ])('a file that %s', async (_, bytes, bySize, byContent) => {
    if (bytes !== undefined) writeFileSync(file().path, bytes);
    expect(await isIntact(file(), 'size', signal)).toBe(bySize);
    expect(await isIntact(file(), 'content', signal)).toBe(byContent);
  });
});

describe('packFilesOf', () => {
  it('lists the files that the pack has, the index last', () => {
    mkdirSync(join(folder, 'objects'));
    const oid = oidToBytes(oidOf(content));
    const none = Buffer.alloc(0);
    const pack = {
      name: 'abc',
      packOid: oid,
      packSize: 1n,
      indexOid: oid,
      indexSize: 2n,
      reverseIndexOid: oid,
      reverseIndexSize: 3n,
      bitmapOid: none,
      bitmapSize: 0n,
      objectCount: 1n,
      addedAtMs: 0n,
    };
    expect(packFilesOf(folder, pack).map(({ path, sizeBytes }) => [path.slice(folder.length), sizeBytes])).toEqual([
      ['/objects/pack/pack-abc.pack', 1],
      ['/objects/pack/pack-abc.rev', 3],
      ['/objects/pack/pack-abc.idx', 2],
    ]);
  });
});

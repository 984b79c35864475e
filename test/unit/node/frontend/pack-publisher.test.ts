import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { publishPack } from '../../../../src/node/frontend/pack-publisher.ts';
import { MemoryObjects } from './memory-objects.ts';

let folder: string;
let objects: MemoryObjects;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'publish-'));
  mkdirSync(join(folder, 'objects', 'pack'), { recursive: true });
  for (const extension of ['pack', 'idx', 'rev']) {
    writeFileSync(join(folder, 'objects', 'pack', `pack-abc.${extension}`), `the ${extension}`);
  }
  objects = new MemoryObjects();
});
afterEach(() => rmSync(folder, { recursive: true }));

const publish = () => publishPack(objects, { name: 'abc', objectCount: 7 }, folder, new AbortController().signal);

describe('publishPack', () => {
  it('stores the three files and describes them', async () => {
    const { ref, degraded } = await publish().published;
    expect(ref).toMatchObject({
      name: 'abc',
      packOid: oidToBytes(oidOf(Buffer.from('the pack'))),
      packSize: 8n,
      indexOid: oidToBytes(oidOf(Buffer.from('the idx'))),
      reverseIndexOid: oidToBytes(oidOf(Buffer.from('the rev'))),
      objectCount: 7n,
    });
    expect(ref.bitmapOid).toHaveLength(0);
    expect(degraded).toBe(false);
    expect(objects.blobs.size).toBe(3);
  });

  it('stores a bitmap and the header of a bundle where there are any, and says what the pack is', async () => {
    writeFileSync(join(folder, 'objects', 'pack', 'pack-abc.bitmap'), 'the bitmap');
    const header = Buffer.from('# v2 git bundle');
    const pack = { name: 'abc', objectCount: 7, hasBitmap: true, bundleHeader: header, isUnreachable: true };
    const { ref } = await publishPack(objects, pack, folder, new AbortController().signal).published;
    expect(ref).toMatchObject({
      bitmapOid: oidToBytes(oidOf(Buffer.from('the bitmap'))),
      bitmapSize: 10n,
      bundleHeaderOid: oidToBytes(oidOf(header)),
      bundleHeaderSize: 15n,
      unreachable: true,
    });
    expect(objects.blobs.size).toBe(5);
  });

  it('leaves out what a pushed pack has not', async () => {
    const { ref } = await publish().published;
    expect([ref.bundleHeaderOid, ref.bundleHeaderSize, ref.unreachable]).toEqual([undefined, undefined, undefined]);
  });

  it('passes on that copies are missing', async () => {
    objects.degraded = true;
    expect((await publish().published).degraded).toBe(true);
  });

  it('fails when one file fails, and settles all the same after the others', async () => {
    const slow = Promise.withResolvers<void>();
    objects.background = slow.promise;
    objects.beforePut = ({ size }) => {
      if (size === 7) throw new Error('no room');
    };
    const { published, settled } = publish();
    await expect(published).rejects.toThrow('no room');
    let isSettled = false;
    const settling = settled.then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    slow.resolve();
    await settling;
    expect(isSettled).toBe(true);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { FileBlobSource } from '../../../src/replication/file-blob-source.ts';
import { MemoryBlobSource } from '../../../src/replication/memory-blob-source.ts';
import { chunkBytes } from '../../../src/rpc/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'stratum-source-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const got: Buffer[] = [];
  for await (const chunk of chunks) got.push(chunk);
  return Buffer.concat(got);
}

describe('a blob source', () => {
  it.each([0, 1, 1_000_000])(
    'of %i bytes gives its id, its size, and the same bytes each time it is opened',
    async (bytes) => {
      const content = Buffer.alloc(bytes, 'stratum');
      const path = join(folder, `blob-${bytes}`);
      writeFileSync(path, content);
      for (const source of [await FileBlobSource.fromFile(path), new MemoryBlobSource(content)]) {
        expect([source.oid, source.size]).toEqual([oidOf(content), bytes]);
        const twice = await Promise.all([readAll(source.open()), readAll(source.open())]);
        for (const read of twice) expect(read.equals(content)).toBe(true);
      }
    },
  );

  it('reads a file into the buffers that it is lent', async () => {
    const content = Buffer.alloc(1_000_000, 'lent');
    const path = join(folder, 'lent');
    writeFileSync(path, content);
    const lent = new Set<ArrayBufferLike>();
    const lend = () => {
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      lent.add(buffer.buffer);
      return buffer;
    };
    const got = await Array.fromAsync((await FileBlobSource.fromFile(path)).open(lend));
    expect(Buffer.concat(got).equals(content)).toBe(true);
    expect(got.every(({ buffer }) => lent.has(buffer))).toBe(true);
  });

  it('says which file is missing', async () => {
    const path = join(folder, 'nothing');
    await expect(FileBlobSource.fromFile(path)).rejects.toThrow(path);
  });
});

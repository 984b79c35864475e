import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KiB, MiB } from '../../../src/base/units.ts';
import { writeChunks } from '../../../src/store/write-chunks.ts';
import { chunksOf, contentOf, temporaryFolder } from './sample-blobs.ts';

const content = contentOf(3 * MiB + 5);

describe('writeChunks', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let file: FileHandle;
  let written: number[];

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'file');
    file = await open(path, 'wx');
    written = [];
    const writev = file.writev.bind(file);
    Object.assign(file, {
      writev: async (chunks: readonly Uint8Array[]) => {
        written.push(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
        return writev(chunks);
      },
    });
  });
  afterEach(async () => {
    await file.close();
    await folder.remove();
  });

  const write = (chunkBytes = 64 * KiB, isSynced = true, of = content) =>
    writeChunks(file, chunksOf(of, chunkBytes), { isSynced });

  it.each([1_000, 64 * KiB, MiB])(
    'writes chunks of %i bytes in pieces of at least 512 KiB, but the last',
    async (bytes) => {
      await write(bytes);
      expect((await readFile(path)).equals(content)).toBe(true);
      for (const piece of written.slice(0, -1)) expect(piece).toBeGreaterThanOrEqual(512 * KiB);
    },
  );

  it('writes nothing of nothing', async () => {
    await write(1, true, Buffer.alloc(0));
    expect(written).toEqual([]);
  });

  it('goes on where the disk took a part only', async () => {
    const writev = file.writev.bind(file);
    Object.assign(file, {
      writev: async ([first = Buffer.alloc(0)]: readonly Uint8Array[]) =>
        writev([first.subarray(0, Math.ceil(first.length / 2))]),
    });
    await write();
    expect((await readFile(path)).equals(content)).toBe(true);
  });

  it('gives every chunk back once, when it is in the file', async () => {
    const released: Uint8Array[] = [];
    const chunks = chunksOf(content);
    const release = (chunk: Uint8Array) => released.push(Buffer.from(chunk));
    await writeChunks(file, { [Symbol.asyncIterator]: () => chunks, release }, { isSynced: false });
    expect(Buffer.concat(released).equals(content)).toBe(true);
  });

  it.each([
    [true, 2],
    [false, 0],
  ])('makes the disk begin every 32 MiB, where the blob is to be on disk: %s', async (isSynced, syncs) => {
    let begun = 0;
    const datasync = file.datasync.bind(file);
    file.datasync = async () => {
      begun += 1;
      await datasync();
    };
    await writeChunks(file, many(Buffer.alloc(8 * MiB), 9), { isSynced });
    expect(begun).toBeGreaterThanOrEqual(Math.min(1, syncs));
    expect(begun).toBeLessThanOrEqual(syncs);
  });

  it('fails with what the disk said to a sync that was begun early', async () => {
    file.datasync = () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    await expect(writeChunks(file, many(Buffer.alloc(8 * MiB), 5), { isSynced: true })).rejects.toThrow('i/o error');
  });

  it.each(['the writing', 'the source'])('returns no earlier than its last call when %s fails', async (what) => {
    let isWriting = false;
    Object.assign(file, {
      writev: async () => {
        isWriting = true;
        await new Promise((resolve) => setImmediate(resolve));
        isWriting = false;
        if (what === 'the writing') throw new Error('failed');
        return { bytesWritten: MiB };
      },
    });
    const source = async function* () {
      yield Buffer.alloc(MiB);
      if (what === 'the source') throw new Error('failed');
      yield* many(Buffer.alloc(MiB), 100);
    };
    await expect(writeChunks(file, source(), { isSynced: true })).rejects.toThrow('failed');
    expect(isWriting).toBe(false);
  });
});

async function* many(chunk: Buffer, count: number): AsyncGenerator<Buffer> {
  for (let index = 0; index < count; index += 1) yield chunk;
}

import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { MiB } from '../../../src/base/units.ts';
import { BlobFileReader } from '../../../src/store/blob-file-reader.ts';
import { bytesOf, contentOf, temporaryFolder } from './sample-blobs.ts';

const content = contentOf(MiB);
const oid = oidOf(content);

describe('BlobFileReader', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;
  let file: FileHandle;
  let damage: string[];

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'blob');
    await writeFile(path, content);
    file = await open(path, 'r');
    damage = [];
  });
  afterEach(async () => {
    await file.close();
    await folder.remove();
  });

  const reader = (
    range: { offset?: number; length?: number; whole?: boolean; of?: typeof oid; reusesBuffer?: boolean } = {},
  ) => {
    const { offset = 0, length = content.length - offset, whole = length === content.length } = range;
    const onDamaged = async (got: string) => void damage.push(got);
    return new BlobFileReader(file, {
      oid: range.of ?? oid,
      offset,
      length,
      whole,
      onDamaged,
      reusesBuffer: range.reusesBuffer === true,
    });
  };
  const isClosed = () => file.fd === -1;

  it('gives chunks of at most 1 MiB and closes the file at the end', async () => {
    const chunks = await Array.fromAsync(reader());
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(MiB);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(isClosed()).toBe(true);
  });

  it('gives a range', async () => {
    const part = await bytesOf(reader({ offset: 300_000, length: 400_000 }));
    expect(part.equals(content.subarray(300_000, 700_000))).toBe(true);
  });

  it('checks the whole as well when it uses one buffer for all chunks', async () => {
    const whole = reader({ reusesBuffer: true });
    let given = 0;
    for await (const chunk of whole) given += chunk.length;
    expect(given).toBe(content.length);
    file = await open(path, 'r');
    const other = reader({ reusesBuffer: true, of: oidOf(Buffer.from('other')) });
    await expect(Array.fromAsync(other)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });

  it('reads into the chunks that were given back, and into no others', async () => {
    const whole = reader();
    const buffers = new Set<ArrayBufferLike>();
    const parts: Buffer[] = [];
    for await (const chunk of whole) {
      buffers.add(chunk.buffer);
      parts.push(Buffer.from(chunk));
      whole.release(chunk);
    }
    expect(Buffer.concat(parts).equals(content)).toBe(true);
    expect(buffers.size).toBeLessThan(parts.length);
    file = await open(path, 'r');
    const kept = await Array.fromAsync(reader());
    expect(new Set(kept.map(({ buffer }) => buffer)).size).toBe(kept.length);
  });

  it('closes the file only when the read ahead has ended', async () => {
    const whole = reader();
    const read = file.read.bind(file);
    const ahead = Promise.withResolvers<void>();
    await whole.next();
    let isReading = false;
    Object.assign(file, {
      read: async (...args: Parameters<typeof read>) => {
        isReading = true;
        await ahead.promise;
        const result = await read(...args);
        isReading = false;
        return result;
      },
    });
    await whole.next(); // Read ahead before; this begins the slow one.
    expect(isReading).toBe(true);
    const leaving = whole.return();
    ahead.resolve();
    await leaving;
    expect([isReading, isClosed()]).toEqual([false, true]);
  });

  it('closes the file after an empty range', async () => {
    expect(await Array.fromAsync(reader({ offset: 10, length: 0 }))).toEqual([]);
    expect(isClosed()).toBe(true);
  });

  it('closes the file when its reader leaves, even before the first chunk', async () => {
    await reader().return();
    expect(isClosed()).toBe(true);
  });

  it('closes the file when its reader leaves in the middle', async () => {
    for await (const chunk of reader()) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(isClosed()).toBe(true);
  });

  it('holds the last chunk back when the whole does not have its hash, and tells', async () => {
    const of = oidOf(Buffer.from('other'));
    let given = 0;
    const reading = async () => {
      for await (const chunk of reader({ of })) given += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH', details: { got: oid } });
    expect(given).toBeLessThan(content.length);
    expect(damage).toEqual([oid]);
    expect(isClosed()).toBe(true);
  });

  it('notices a file that is cut short while it is read', async () => {
    await truncate(path, 500_000);
    await expect(bytesOf(reader({ offset: 100_000 }))).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { got: expect.stringContaining('truncated') },
    });
    expect(damage).toHaveLength(1);
  });

  it('takes a sector that cannot be read for damage', async () => {
    file.read = () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    await expect(bytesOf(reader())).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(damage).toEqual(['unreadable at byte 0']);
  });
});

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileDurably } from '../../../src/store/durable-file.ts';
import { temporaryFolder } from './sample-blobs.ts';

describe('writeFileDurably', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let path: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder.path, 'state.json');
  });
  afterEach(() => folder.remove());

  it('writes a new file and leaves nothing else', async () => {
    await writeFileDurably(path, 'one');
    expect(await readFile(path, 'utf8')).toBe('one');
    expect(await readdir(folder.path)).toEqual(['state.json']);
  });

  it('replaces a file instead of writing into it (M2)', async () => {
    await writeFile(path, 'a longer old content');
    const before = await stat(path);
    await writeFileDurably(path, Buffer.from('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).ino).not.toBe(before.ino);
  });

  it('leaves one whole content when many write at once', async () => {
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(1_000));
    await Promise.all(contents.map((content) => writeFileDurably(path, content)));
    expect(contents).toContain(await readFile(path, 'utf8'));
    expect(await readdir(folder.path)).toEqual(['state.json']);
  });

  it('gives the file its mode', async () => {
    await writeFileDurably(path, 'secret', 0o600);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('rejects with the error of the system, and leaves no temporary file', async () => {
    await expect(writeFileDurably(join(folder.path, 'none', 'file'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    await mkdir(path);
    await expect(writeFileDurably(path, 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await readdir(folder.path)).toEqual(['state.json']);
  });
});

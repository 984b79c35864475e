import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { lstat, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { writeFileWhole } from '../../../src/cli/write-file-whole.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-write-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function* content(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('half');
  throw new Error('the node went away');
}

describe('writeFileWhole', () => {
  it('replaces a file, and leaves it as it was when the content breaks off', async () => {
    const path = join(folder, 'file');
    await writeFileWhole(path, content('new', ' content'));
    await expect(writeFileWhole(path, broken())).rejects.toThrow('the node went away');
    expect(await readFile(path, 'utf8')).toBe('new content');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('follows a link and leaves the link there', async () => {
    const [target, link] = [join(folder, 'target'), join(folder, 'link')];
    await writeFile(target, 'old');
    await symlink(target, link);
    await writeFileWhole(link, content('new'));
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readFile(target, 'utf8')).toBe('new');
  });

  it('writes into what is no regular file, and never takes its place', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Both ends of it, so that what is written stays until it is read.
    const reader = await open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => reader.close());
    await writeFileWhole(pipe, content('through', ' the pipe'));
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(100));
    expect(buffer.toString('utf8', 0, bytesRead)).toBe('through the pipe');
    expect((await lstat(pipe)).isFIFO()).toBe(true);
  });

  it.each([
    ['.', /it is a folder$/],
    ['missing/file', /there is no folder .*\/missing$/],
  ])('refuses %s with the reason', async (name, reason) => {
    const writing = writeFileWhole(join(folder, name), content('x'));
    await expect(writing).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(reason),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses an empty name, and names no file of its own', async () => {
    await expect(writeFileWhole('', content('x'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'cannot write "": it is no name of a file',
    });
  });

  it('says that a disk is full', async () => {
    await expect(writeFileWhole('/dev/full', content('x'))).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: 'cannot write to /dev/full: no space left on device',
    });
  });
});

import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { write } from '../../../src/cli/io.ts';

describe('writing to an output', () => {
  it('rejects with what happened and where when the disk is full', async () => {
    const full = createWriteStream('/dev/full').on('error', () => undefined);
    await expect(write(full, 'x')).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: 'cannot write to standard output: no space left on device',
      cause: { code: 'ENOSPC' },
    });
  });

  it.each([
    ['EIO', { code: 'INTERNAL', message: 'cannot write to standard output: broken' }],
    ['EPIPE', { code: 'EPIPE', message: 'broken' }],
  ])('rejects with %s as what it is', async (code, expected) => {
    const error = Object.assign(new Error('broken'), { code });
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(error) }).on('error', () => undefined);
    await expect(write(stream, 'x')).rejects.toMatchObject(expected);
  });
});

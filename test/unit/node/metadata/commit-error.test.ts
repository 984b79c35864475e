import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../../../src/base/units.ts';
import { commitError } from '../../../../src/node/metadata/commit-error.ts';

const { EIO, ENOSPC, EDQUOT, EROFS } = constants.errno;

/** As lmdb-js rejects: a general error with LMDB's own in a promise. */
function rejection(code: number): Error {
  const inner = Object.assign(new Error(`error ${code}`), { code });
  const promise = Promise.reject(inner);
  promise.catch(() => undefined); // Observed by the code under test, a turn later.
  return Object.assign(new Error('Commit failed'), { commitError: promise });
}

describe('commitError', () => {
  it.each([
    ['no space', rejection(ENOSPC), 500 * MiB, 'DISK_FULL'],
    ['a quota', rejection(EDQUOT), 500 * MiB, 'DISK_FULL'],
    ['a write cut short with little room left', rejection(EIO), 1 * MiB, 'DISK_FULL'],
    ['a failing disk with room', rejection(EIO), 500 * MiB, 'INTERNAL'],
    ['a read-only disk', rejection(EROFS), 0, 'INTERNAL'],
    ['an error of the callback', new TypeError('a bug'), 0, 'INTERNAL'],
    ['something that is no error', 'odd', 0, 'INTERNAL'],
  ])('tells %s', async (_, error, freeBytes, code) => {
    const found = await commitError(error, '/data/metadata', async () => freeBytes);
    expect(found.code).toBe(code);
    expect(found.message).toContain('/data/metadata');
  });

  it('keeps LMDB’s own error as the cause', async () => {
    const found = await commitError(rejection(EROFS), '/data', async () => 0);
    expect(found.cause).toMatchObject({ code: EROFS });
  });

  it('takes a disk whose room cannot be told for a failing one', async () => {
    const found = await commitError(rejection(EIO), '/data', async () => undefined);
    expect(found.code).toBe('INTERNAL');
  });
});

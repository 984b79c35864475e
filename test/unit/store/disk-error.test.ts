import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { GiB, MiB } from '../../../src/base/units.ts';
import { diskError, isDiskFull } from '../../../src/store/disk-error.ts';

const { EIO, ENOSPC, EDQUOT, EROFS } = constants.errno;
const coded = (code: unknown) => Object.assign(new Error('failed'), { code });

describe('isDiskFull', () => {
  it.each([
    ['ENOSPC', undefined, true],
    ['EDQUOT', GiB, true],
    [ENOSPC, GiB, true],
    [EDQUOT, undefined, true],
    [EIO, MiB, true],
    ['EIO', 0, true],
    [EIO, GiB, false],
    [EIO, undefined, false],
    ['EIO', GiB, false],
    [EROFS, 0, false],
    ['EACCES', 0, false],
  ])('judges %s with %s bytes free', (code, freeBytes, expected) => {
    expect(isDiskFull(coded(code), freeBytes)).toBe(expected);
  });

  it.each([new Error('other'), 'text', undefined])('does not take %s for one', (error) => {
    expect(isDiskFull(error, 0)).toBe(false);
  });
});

describe('diskError', () => {
  it('makes a full disk DISK_FULL, and keeps the error as the cause', () => {
    const error = coded(EIO);
    expect(diskError(error, 'blob x', 5)).toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('blob x'),
      details: { actual: 5n },
      cause: error,
    });
  });

  it.each([coded('EIO'), 'text', new StratumError('UNREACHABLE', 'x', { endpoint: 'y' })])(
    'leaves %s as it is',
    (error) => {
      expect(diskError(error, 'blob x')).toBe(error);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { diskError } from '../../../src/store/disk-error.ts';

const coded = (code: unknown) => Object.assign(new Error('failed'), { code });

describe('diskError', () => {
  it.each(['ENOSPC', 'EDQUOT', 28, 122])('makes %s DISK_FULL and keeps it as the cause', (code) => {
    const error = coded(code);
    expect(diskError(error, 'blob x')).toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('blob x'),
      cause: error,
    });
  });

  it.each([
    coded('EIO'),
    coded(5),
    new Error('other'),
    'text',
    new StratumError('UNREACHABLE', 'x', { endpoint: 'y' }),
  ])('leaves %s as it is', (error) => {
    expect(diskError(error, 'blob x')).toBe(error);
  });
});

import { describe, expect, it } from 'vitest';
import { readRange } from '../../../src/store/blob-range.ts';
import { oidAt } from './sample-blobs.ts';

const oid = oidAt(1n);

describe('readRange', () => {
  it.each([
    [0, undefined, 0, 100],
    [40, undefined, 40, 60],
    [40, 10, 40, 10],
    [40, 1_000, 40, 60],
    [100, undefined, 100, 0],
    [100, 5, 100, 0],
    [3, 0, 3, 0],
  ])('from %s for %s gives %s, %s of 100', (from, count, offset, length) => {
    expect(readRange(oid, 100, from, count)).toEqual({ offset, length });
  });

  it.each([
    ['offset', 101, undefined],
    ['offset', -1, undefined],
    ['offset', 1.5, undefined],
    ['offset', Number.NaN, undefined],
    ['length', 0, -1],
    ['length', 0, 2.5],
  ])('refuses the %s of (%s, %s)', (field, from, count) => {
    const details = expect.objectContaining({ field });
    expect(() => readRange(oid, 100, from, count)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details }),
    );
  });
});

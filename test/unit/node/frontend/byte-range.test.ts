import { describe, expect, it } from 'vitest';
import { parseRange } from '../../../../src/node/frontend/byte-range.ts';

describe('a Range header', () => {
  it.each([
    ['bytes=0-0', { from: 0, to: 1 }],
    ['bytes=0-', { from: 0, to: 100 }],
    ['bytes=10-19', { from: 10, to: 20 }],
    ['bytes=90-1000', { from: 90, to: 100 }],
    ['bytes=-10', { from: 90, to: 100 }],
    ['bytes=-1000', { from: 0, to: 100 }],
    [' bytes=99- ', { from: 99, to: 100 }],
  ])('%s of 100 bytes', (header, span) => {
    expect(parseRange(header, 100)).toEqual({ ...span, isPart: true });
  });

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s cannot be had of 100 bytes', (header) => {
    expect(parseRange(header, 100)).toBe('unsatisfiable');
  });

  it.each([
    undefined,
    '',
    'bytes=-',
    'bytes=5-4',
    'bytes=0-1,5-6',
    'lines=0-1',
    'bytes=a-b',
    'bytes 0-1',
    'bytes=+1-2',
  ])('is ignored when it is %s', (header) => {
    expect(parseRange(header, 100)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import {
  formatOfId,
  hexDigitsOf,
  isObjectId,
  isZeroId,
  parseObjectFormat,
  zeroId,
} from '../../../src/git/object-id.ts';

const sha1 = 'a'.repeat(40);
const sha256 = 'b'.repeat(64);

describe('object ids', () => {
  it.each([
    [sha1, 'sha1', true],
    [sha256, 'sha256', true],
    [sha1, 'sha256', false],
    [sha256, 'sha1', false],
    [sha1.toUpperCase(), 'sha1', false],
    [`${'a'.repeat(39)}g`, 'sha1', false],
    ['', 'sha1', false],
  ] as const)('%s as an id of %s: %s', (text, format, expected) => {
    expect(isObjectId(text, format)).toBe(expected);
  });

  it('tells the format of an id by its length', () => {
    expect([sha1, sha256, 'abc'].map(formatOfId)).toEqual(['sha1', 'sha256', undefined]);
    expect([hexDigitsOf('sha1'), hexDigitsOf('sha256')]).toEqual([40, 64]);
  });

  it('knows the ids of all zeros and no others', () => {
    expect([zeroId('sha1'), zeroId('sha256')].every(isZeroId)).toBe(true);
    expect([sha1, '0'.repeat(41), '0'.repeat(63), ''].some(isZeroId)).toBe(false);
  });

  it('reads the name of a format and refuses others', () => {
    expect(parseObjectFormat('sha256')).toBe('sha256');
    expect(() => parseObjectFormat('md5')).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
  });
});

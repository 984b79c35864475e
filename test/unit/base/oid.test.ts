import { describe, expect, it } from 'vitest';
import { isOid, oidFromBytes, oidOf, oidToBytes, parseOid, positionOf } from '../../../src/base/oid.ts';

const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('Oid', () => {
  it('is the SHA-256 of the content', () => {
    expect(oidOf(Buffer.alloc(0))).toBe(empty);
  });

  it.each(['', empty.slice(1), `${empty}0`, empty.toUpperCase(), `${empty.slice(0, 63)}g`, ` ${empty}`])(
    'refuses %j',
    (text) => {
      expect(isOid(text)).toBe(false);
      expect(() => parseOid(text, 'blob')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );

  it('survives the way to bytes and back', () => {
    const oid = parseOid(empty);
    expect(oidFromBytes(oidToBytes(oid))).toBe(oid);
  });

  it('refuses bytes of another length', () => {
    expect(() => oidFromBytes(Buffer.alloc(31))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('has its first 8 bytes as position, unsigned', () => {
    expect(positionOf(parseOid(empty))).toBe(0xe3b0c44298fc1c14n);
  });
});

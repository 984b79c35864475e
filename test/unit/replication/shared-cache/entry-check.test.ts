import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryCheck } from '../../../../src/replication/shared-cache/entry-check.ts';

const key = 'ab'.repeat(32);
const checkOf = (content: Buffer) => new EntryCheck({ key, sizeBytes: content.length, crc32: crc32(content) });

describe('EntryCheck', () => {
  it('takes content in any pieces, and knows when it is complete', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 1 }), (pieces) => {
        const chunks = pieces.map((piece) => Buffer.from(piece));
        const check = checkOf(Buffer.concat(chunks));
        for (const chunk of chunks) {
          expect(check.isComplete).toBe(false);
          check.take(chunk);
        }
        expect(check.isComplete).toBe(true);
      }),
    );
  });

  it('refuses content in which any bit is flipped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, at) => {
        const content = Buffer.from(bytes);
        const check = checkOf(content);
        const bit = at % (content.length * 8);
        content[bit >> 3] = (content[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => check.take(content)).toThrow(expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }));
      }),
    );
  });

  it('refuses more bytes than were announced', () => {
    const check = checkOf(Buffer.from('12345'));
    check.take(Buffer.from('1234'));
    expect(() => check.take(Buffer.from('56'))).toThrow(
      expect.objectContaining({
        code: 'CHECKSUM_MISMATCH',
        details: { oid: key, expected: '5 bytes', got: '6 bytes or more' },
      }),
    );
  });

  it('refuses an empty entry of which another CRC-32 was said', () => {
    expect(new EntryCheck({ key, sizeBytes: 0, crc32: 0 }).isComplete).toBe(true);
    expect(() => new EntryCheck({ key, sizeBytes: 0, crc32: 1 })).toThrow(/is not what was said/);
  });
});

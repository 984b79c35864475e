import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contentBytesIn,
  decodeFooter,
  encodeFooter,
  fileBytesOf,
  footerBytes,
} from '../../../src/store/entry-footer.ts';
import { keyOf } from './sample-entries.ts';

const entry = {
  key: keyOf(77),
  sizeBytes: 2 ** 40 + 5,
  crc32: 0xfedcba98,
  storedAtMs: 1_700_000_000_123,
  expiresAtMs: undefined,
  costMs: 4_567,
  tag: 'répository',
};

describe('the footer of an entry', () => {
  it.each([
    ['that never ends', entry],
    ['with a last moment', { ...entry, expiresAtMs: 1_700_000_999_000 }],
    ['that is empty, with the longest tag', { ...entry, sizeBytes: 0, tag: 'x'.repeat(128) }],
  ])('says what is known of one %s', (_, facts) => {
    const footer = encodeFooter(facts);
    expect(footer).toHaveLength(footerBytes);
    expect(decodeFooter(footer, facts.sizeBytes + footerBytes)).toEqual(facts);
  });

  it('is none when any bit of it differs, or the file has another length', () => {
    const footer = encodeFooter(entry);
    fc.assert(
      fc.property(fc.nat(footerBytes * 8 - 1), (bit) => {
        const flipped = Buffer.from(footer);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        return decodeFooter(flipped, entry.sizeBytes + footerBytes) === undefined;
      }),
    );
    expect(decodeFooter(footer, entry.sizeBytes + footerBytes - 1)).toBeUndefined();
    expect(decodeFooter(footer.subarray(1), entry.sizeBytes + footerBytes)).toBeUndefined();
  });
});

describe('the room of an entry on the disk', () => {
  it.each([
    [0, 4_096],
    [4_096 - footerBytes, 4_096],
    [4_096 - footerBytes + 1, 8_192],
    [1_048_576, 1_052_672],
  ])('of %s bytes is whole blocks of its content and its footer: %s', (contentBytes, fileBytes) => {
    expect(fileBytesOf(contentBytes)).toBe(fileBytes);
  });

  it('has space for no more content than fits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 4_096, max: 2 ** 40 }), (room) => {
        const contentBytes = contentBytesIn(room);
        expect(fileBytesOf(contentBytes)).toBeLessThanOrEqual(room);
        expect(fileBytesOf(contentBytes + 1)).toBeGreaterThan(room);
      }),
    );
    expect([contentBytesIn(0), contentBytesIn(4_095)]).toEqual([0, 0]);
  });
});

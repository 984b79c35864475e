import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedContentOfRow, contentOfRow, encodeContentRow, quarantinedRow } from '../../../src/store/content-row.ts';

describe('a row of content', () => {
  it('gives the content back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (content) => {
        const row = encodeContentRow(content);
        expect(contentOfRow(row)?.equals(content)).toBe(true);
        expect(checkedContentOfRow(row)?.equals(content)).toBe(true);
      }),
    );
  });

  it('is not served with any one bit turned over', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(), (content, position) => {
        const row = encodeContentRow(content);
        const bit = position % (row.length * 8);
        row.writeUInt8(row.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(checkedContentOfRow(row)).toBeUndefined();
      }),
    );
  });

  it('has the bytes that are on disks', () => {
    expect(encodeContentRow(Buffer.from('123456789')).toString('hex')).toBe(`01cbf43926${'313233343536373839'}`);
  });

  it.each([
    ['in quarantine', quarantinedRow(encodeContentRow(Buffer.from('abc')))],
    ['of another version', Buffer.from([2, 0, 0, 0, 0])],
    ['that is cut short', Buffer.from([1, 0, 0])],
    ['without a byte', Buffer.alloc(0)],
  ])('is not served $0', (_, row) => {
    expect(contentOfRow(row)).toBeUndefined();
    expect(checkedContentOfRow(row)).toBeUndefined();
  });
});

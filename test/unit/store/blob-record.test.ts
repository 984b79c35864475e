import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlobRecord, decodeBlobRecord, encodeBlobRecord } from '../../../src/store/blob-record.ts';

const record: BlobRecord = { place: 'file', quarantined: false, size: 258, storedAtMs: 1_700_000_000_000 };

describe('a blob record', () => {
  it('is read as it was written', () => {
    const records = fc.record({
      place: fc.constantFrom('index' as const, 'file' as const),
      quarantined: fc.boolean(),
      size: fc.maxSafeNat(),
      storedAtMs: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(records, (any) => {
        expect(decodeBlobRecord(encodeBlobRecord(any))).toEqual(any);
      }),
    );
  });

  it('has the bytes that are on disks', () => {
    expect(encodeBlobRecord(record).toString('hex')).toBe('0102000000000000000102000001' + '8bcfe56800');
  });

  it.each([
    ['another version', Buffer.concat([Buffer.from([9]), encodeBlobRecord(record).subarray(1)])],
    ['an unknown place', Buffer.concat([Buffer.from([1, 7]), encodeBlobRecord(record).subarray(2)])],
    ['too few bytes', encodeBlobRecord(record).subarray(1)],
    ['no bytes', Buffer.alloc(0)],
  ])('is unreadable, and relied on by nobody, with %s', (_, bytes) => {
    expect(decodeBlobRecord(bytes)).toMatchObject({ unreadable: true, quarantined: true });
  });
});

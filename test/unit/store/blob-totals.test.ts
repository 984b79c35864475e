import { describe, expect, it } from 'vitest';
import type { BlobRecord } from '../../../src/store/blob-record.ts';
import { countChange, decodeBlobTotals, encodeBlobTotals, noBlobs } from '../../../src/store/blob-totals.ts';

const good: BlobRecord = { place: 'file', quarantined: false, size: 100, storedAtMs: 1 };
const bad: BlobRecord = { ...good, quarantined: true };

describe('the totals of a store', () => {
  it.each([
    { change: 'a new blob', before: undefined, after: good, blobCount: 1, storedBytes: 100, quarantinedCount: 0 },
    {
      change: 'a renewed blob',
      before: good,
      after: { ...good, storedAtMs: 2 },
      blobCount: 0,
      storedBytes: 0,
      quarantinedCount: 0,
    },
    { change: 'a deleted blob', before: good, after: undefined, blobCount: -1, storedBytes: -100, quarantinedCount: 0 },
    { change: 'a damaged blob', before: good, after: bad, blobCount: -1, storedBytes: -100, quarantinedCount: 1 },
    { change: 'a healed blob', before: bad, after: good, blobCount: 1, storedBytes: 100, quarantinedCount: -1 },
  ])('count $change', ({ before, after, blobCount, storedBytes, quarantinedCount }) => {
    expect(countChange(noBlobs, before, after)).toEqual({ blobCount, storedBytes, quarantinedCount });
  });

  it('are read as they were written', () => {
    const totals = { blobCount: 3, storedBytes: 2 ** 50, quarantinedCount: 1 };
    expect(decodeBlobTotals(encodeBlobTotals(totals))).toEqual(totals);
  });

  it('are written as nothing where a record that became unreadable has left them below it', () => {
    const totals = { blobCount: 3, storedBytes: -5, quarantinedCount: -1 };
    expect(decodeBlobTotals(encodeBlobTotals(totals))).toEqual({ ...noBlobs, blobCount: 3 });
  });

  it('are refused in another version', () => {
    const bytes = encodeBlobTotals(noBlobs);
    bytes[0] = 9;
    expect(() => decodeBlobTotals(bytes)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
  });
});

import { describe, expect, it } from 'vitest';
import { decodeHint, encodeHint, type HintFields } from '../../../../src/replication/hints/hint-record.ts';
import { gapAt } from './sample-hints.ts';

const { oid } = gapAt('o1', 1);
const fields: HintFields = { oid, size: 2 ** 40, reason: 'CORRUPT', notedAtMs: 1_800_000_000_123, attempts: 7 };

describe('the record of a hint', () => {
  it.each(['MISSED_WRITE', 'MISSING', 'CORRUPT'] as const)('gives back what it was made of: %s', (reason) => {
    expect(decodeHint(encodeHint({ ...fields, reason }))).toEqual({ ...fields, reason });
  });

  it('begins with its version, and keeps the numbers of the reasons', () => {
    const numbers = (['MISSED_WRITE', 'MISSING', 'CORRUPT'] as const).map((reason) => [
      ...encodeHint({ ...fields, reason }).subarray(0, 2),
    ]);
    expect(numbers).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  it('holds the greatest number of tries, and no time before the epoch', () => {
    const record = encodeHint({ ...fields, attempts: 2 ** 40, notedAtMs: -1 });
    expect(decodeHint(record)).toMatchObject({ attempts: 2 ** 32 - 1, notedAtMs: 0 });
  });

  it.each([
    { what: 'another version', change: (bytes: Buffer) => bytes.fill(2, 0, 1) },
    { what: 'an unknown reason', change: (bytes: Buffer) => bytes.fill(3, 1, 2) },
    { what: 'a part', change: (bytes: Buffer) => bytes.subarray(0, -1) },
    { what: 'nothing', change: () => Buffer.alloc(0) },
  ])('does not read $what', ({ change }) => {
    expect(decodeHint(change(encodeHint(fields)))).toBeUndefined();
  });
});

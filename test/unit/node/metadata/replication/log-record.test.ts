import { describe, expect, it } from 'vitest';
import {
  checkRecord,
  decodeRecord,
  encodeRecord,
  positionOfRecord,
} from '../../../../../src/node/metadata/replication/log-record.ts';
import { creation, flippedBits, recordAt } from './sample-records.ts';

describe('a record of the log', () => {
  it('gives back what it was made of', () => {
    const entry = {
      index: 2n ** 63n + 1n,
      epoch: 2n ** 40n,
      atMs: 1_700_000_000_000n,
      operation: creation('team/app'),
    };
    const record = encodeRecord(entry);
    expect(decodeRecord(record)).toEqual(entry);
    expect(positionOfRecord(record)).toEqual({ index: entry.index, epoch: entry.epoch });
    expect(checkRecord(record)).toEqual({ index: entry.index, epoch: entry.epoch });
  });

  it('is refused with any one of its bits flipped', () => {
    const unnoticed: string[] = [];
    for (const damaged of flippedBits(recordAt(7n, 3n))) {
      try {
        checkRecord(damaged);
        unnoticed.push(damaged.toString('hex'));
      } catch (error) {
        expect(error).toMatchObject({ code: 'DATA_CORRUPT' });
      }
      expect(() => decodeRecord(damaged)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    }
    expect(unnoticed).toEqual([]);
  });

  it('is refused when it was cut off anywhere', () => {
    const record = recordAt(7n, 3n);
    for (let length = 0; length < record.length; length += 1) {
      expect(() => checkRecord(record.subarray(0, length))).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    }
  });
});

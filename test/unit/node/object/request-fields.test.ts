import { describe, expect, it } from 'vitest';
import { fenceField, oidsField, safeNumberField } from '../../../../src/node/object/request-fields.ts';
import { encodeFence } from '../../../../src/rpc/fence-codec.ts';

const invalid = (field: string) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field }) });

describe('the fields of a request', () => {
  it('take what JavaScript can count and refuse the rest', () => {
    expect(safeNumberField('size', 2n ** 53n - 1n)).toBe(2 ** 53 - 1);
    expect(() => safeNumberField('size', 2n ** 53n)).toThrow(invalid('size'));
    expect(() => safeNumberField('size', 2n ** 64n - 1n)).toThrow(invalid('size'));
  });

  it('need a fence', () => {
    expect(fenceField(encodeFence({ term: 1n, ringEpoch: 2n }))).toEqual({ term: 1n, ringEpoch: 2n });
    expect(() => fenceField(undefined)).toThrow(invalid('fence'));
  });

  it('refuse a fence that is not the one that was sent', () => {
    expect(() => fenceField({ ...encodeFence({ term: 1n, ringEpoch: 2n }), term: 5n })).toThrow(
      invalid('fence.checksum'),
    );
  });

  it('take at most 10,000 ids, and name the one that is wrong', () => {
    const oid = Buffer.alloc(32, 1);
    expect(oidsField(Array(10_000).fill(oid))).toHaveLength(10_000);
    expect(() => oidsField(Array(10_001).fill(oid))).toThrow(invalid('oids'));
    expect(() => oidsField([oid, Buffer.alloc(31)])).toThrow(invalid('oids[1]'));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largerOf, smallerOf } from '../../../src/base/bigint-order.ts';

describe('the order of two bigints', () => {
  it('gives one of them, and the other one the other way round', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (left, right) => {
        const [small, large] = [smallerOf(left, right), largerOf(left, right)];
        expect(small <= large).toBe(true);
        expect(new Set([small, large])).toEqual(new Set([left, right]));
      }),
    );
  });
});

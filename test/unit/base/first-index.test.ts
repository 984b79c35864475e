import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstIndex } from '../../../src/base/first-index.ts';

describe('the first index of which a predicate holds', () => {
  it.each([
    { what: 'of nothing', values: [], from: 0, wanted: 1, index: 0 },
    { what: 'that is the first', values: [5, 6], from: 0, wanted: 5, index: 0 },
    { what: 'between two', values: [1, 3, 5], from: 0, wanted: 4, index: 2 },
    { what: 'behind all', values: [1, 3], from: 0, wanted: 9, index: 2 },
    { what: 'of equal ones the first', values: [1, 2, 2, 2, 3], from: 0, wanted: 2, index: 1 },
    { what: 'not before where it begins', values: [1, 2, 3], from: 2, wanted: 0, index: 2 },
  ])('is the place $what', ({ values, from, wanted, index }) => {
    expect(firstIndex(from, values.length, (at) => (values[at] ?? 0) >= wanted)).toBe(index);
  });

  it('is what looking at one after the other finds', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), fc.nat(), (numbers, wanted, start) => {
        const values = numbers.toSorted((a, b) => a - b);
        const from = Math.min(start, values.length);
        const found = values.findIndex((value, at) => at >= from && value >= wanted);
        expect(firstIndex(from, values.length, (at) => (values[at] ?? 0) >= wanted)).toBe(
          found < 0 ? values.length : found,
        );
      }),
    );
  });
});

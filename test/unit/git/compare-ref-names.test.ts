import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRefNames } from '../../../src/git/compare-ref-names.ts';

describe('compareRefNames', () => {
  it('orders as the bytes of UTF-8 do', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', '/', '-', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀'),
      maxLength: 6,
    });
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareRefNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });
});

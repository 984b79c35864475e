import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KiB } from '../../../src/base/units.ts';
import { BufferSlab } from '../../../src/store/buffer-slab.ts';

it('gives copies that neither the original nor other copies change', () => {
  const sizes = fc.array(fc.nat({ max: 200 * KiB }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const slab = new BufferSlab();
      const shared = Buffer.alloc(200 * KiB);
      const copies = lengths.map((length, index) => {
        shared.fill(index + 1);
        return slab.copyOf(shared.subarray(0, length));
      });
      shared.fill(0);
      expect(copies.map(({ length }) => length)).toEqual(lengths);
      expect(copies.every((copy, index) => copy.every((byte) => byte === index + 1))).toBe(true);
    }),
    { numRuns: 20 },
  );
});

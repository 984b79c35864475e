import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingEntries } from '../../../src/topology/ring-entries.ts';

// Few values, so that entries share positions, upper halves and buckets.
const half = fc.oneof(fc.constantFrom(0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
const entry = fc.record({ high: half, low: half });

function made(entries: readonly { high: number; low: number }[]): RingEntries {
  return new RingEntries(
    Uint32Array.from(entries, ({ high }) => high),
    Uint32Array.from(entries, ({ low }) => low),
    Uint32Array.from(entries, (_, owner) => owner),
  );
}

const whole = ({ high, low }: { high: number; low: number }) => (BigInt(high) << 32n) | BigInt(low);

describe('RingEntries', () => {
  it('sorts by position, and by owner where positions are equal', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 60 }), (entries) => {
        const sorted = made(entries);
        const expected = entries
          .map((each, owner) => ({ ...each, owner }))
          .sort((a, b) => (whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : a.owner - b.owner));
        const got = [...sorted.owners].map((owner, index) => {
          return { high: sorted.high[index], low: sorted.low[index], owner };
        });
        expect(got).toEqual(expected);
      }),
    );
  });

  it('finds the first entry at or after any position, and the first of all behind the last', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 60 }), entry, (entries, at) => {
        const sorted = entries.map(whole).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        const expected = sorted.findIndex((position) => position >= whole(at));
        expect(made(entries).firstAtOrAfter(at.high, at.low)).toBe(Math.max(0, expected));
      }),
    );
  });

  it.each([
    [[{ high: 7, low: 7 }], [1]],
    [
      [
        { high: 0x4000_0000, low: 0 },
        { high: 0xc000_0000, low: 0 },
      ],
      [0.5, 0.5],
    ],
    [
      [
        { high: 5, low: 5 },
        { high: 5, low: 5 },
      ],
      [1, 0],
    ],
  ])('gives the part of the circle up to each of %j', (entries, widths) => {
    const sorted = made(entries);
    expect(entries.map((_, index) => sorted.width(index))).toEqual(widths);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../../src/cli/nearest.ts';

describe('nearest', () => {
  const commands = ['repo list', 'repo create', 'ring locate', 'topology show'];
  it.each([
    ['rpeo list', 'repo list'],
    ['repo crate', 'repo create'],
    ['topologyshow', 'topology show'],
    ['quux', undefined],
    ['', undefined],
  ])('takes %j for %j', (word, meant) => {
    expect(nearest(word, commands)).toBe(meant);
  });

  it('does not take a short word for any other short word', () => {
    expect(nearest('ab', ['xy'])).toBeUndefined();
  });
});

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['feild', 'field', 1],
    ['kitten', 'sitting', 3],
  ])('is between %j and %j %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
  });

  it('is symmetric, zero only for equal words, and no more than the longer one', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

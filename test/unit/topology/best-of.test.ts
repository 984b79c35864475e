import { describe, expect, it } from 'vitest';
import { bestOf } from '../../../src/topology/best-of.ts';

describe('the best of some candidates', () => {
  it('has the lowest first number, and of those that are equal the lowest second one', () => {
    const candidates = [
      [2, 0, 'a'],
      [1, 9, 'b'],
      [1, 3, 'c'],
      [1 + 1e-9, 2, 'd'],
    ] as const;
    const best = bestOf(
      candidates,
      ([first]) => first,
      ([, second]) => second,
    );
    // What differs by rounding alone is equal.
    expect(best?.[2]).toBe('d');
  });

  it('is the first where nothing decides, and nobody of none', () => {
    expect(bestOf(['x', 'y'], () => 0)).toBe('x');
    expect(bestOf<string>([], () => 0)).toBeUndefined();
  });

  it('asks for a number once for each candidate, and only where it decides', () => {
    const asked: string[] = [];
    const dear = (each: { readonly id: string }) => asked.push(each.id);
    const sample = (...scores: readonly number[]) => scores.map((score, index) => ({ id: `n${index}`, score }));
    bestOf(sample(1, 2, 3), ({ score }) => score, dear);
    expect(asked).toEqual([]);
    bestOf(sample(1, 1, 1, 5), ({ score }) => score, dear);
    expect(asked.toSorted()).toEqual(['n0', 'n1', 'n2']);
  });
});

import { describe, expect, it } from 'vitest';
import { fitTo, layoutFor } from '../../../src/tui/layout.ts';

describe('fitTo', () => {
  it.each([
    ['abc', 5, 'abc  '],
    ['abcdef', 4, 'abc…'],
    ['abc', 0, ''],
  ])('%j in %i characters is %j', (text, width, expected) => {
    expect(fitTo(text, width)).toBe(expected);
  });
});

describe('layoutFor', () => {
  it.each([80, 100, 120, 200])('never asks for more than %i columns', (columns) => {
    const { id, state, bar, age, address, load } = layoutFor(columns, 13, 21);
    expect(id + state + bar + age + address + load + 5).toBeLessThanOrEqual(columns);
  });
});

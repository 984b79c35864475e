import { describe, expect, it } from 'vitest';
import { fitTo, joinWhole, layoutFor } from '../../../src/tui/layout.ts';

describe('fitTo', () => {
  it.each([
    ['abc', 5, 'abc  '],
    ['abcdef', 4, 'abc…'],
    ['abc', 0, ''],
  ])('%j in %i characters is %j', (text, width, expected) => {
    expect(fitTo(text, width)).toBe(expected);
  });
});

describe('joinWhole', () => {
  it.each([
    ['a', ['bb', 'cc'], 7, 'a bb cc'],
    ['a', ['bb', 'cc'], 6, 'a bb'],
    ['a', ['bbbbbb', 'c'], 6, 'a'],
    ['', ['bb'], 6, 'bb'],
    ['a', ['b     '], 3, 'a b'],
  ])('%j with %j in %i characters is %j', (line, parts, columns, expected) => {
    expect(joinWhole(line, parts, columns)).toBe(expected);
  });
});

describe('layoutFor', () => {
  it.each([80, 100, 120, 200])('leaves room for an address on loopback in %i columns', (columns) => {
    const { id, state, bar, age, flaps, generation } = layoutFor(columns, 13, 13);
    expect(id + state + bar + age + flaps + generation + 6 + '127.0.0.1:40000'.length).toBeLessThanOrEqual(columns);
  });
});

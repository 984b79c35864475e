import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wrapText } from '../../../src/tui/wrap-text.ts';

describe('wrapText', () => {
  it.each([
    ['all of it', 20, '', ['all of it']],
    ['all of it', 6, '', ['all of', 'it']],
    ['all of it', 7, '  ', ['all of', '  it']],
    ['a longestword b', 6, '', ['a', 'longes', 'tword', 'b']],
    ['', 6, '', ['']],
  ])('%j in %i columns', (text, columns, indent, expected) => {
    expect(wrapText(text, columns, indent)).toEqual(expected);
  });

  it('keeps every character that is no blank, and every line within the columns', () => {
    const word = fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom('a', 'b', ',') });
    fc.assert(
      fc.property(fc.array(word), fc.integer({ min: 3, max: 40 }), (words, columns) => {
        const lines = wrapText(words.join(' '), columns, '  ');
        expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRefNames } from '../../../../src/git/compare-ref-names.ts';
import { refsWithPrefixes } from '../../../../src/node/metadata/refs-with-prefixes.ts';

// Few characters of different width in bytes, so that prefixes of every kind occur.
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', 'ａ', '😀'), maxLength: 4 });

describe('refsWithPrefixes', () => {
  it('finds what a look at every ref finds, in order and each once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 30 }), fc.array(text, { maxLength: 5 }), (names, prefixes) => {
        const refs = names.sort(compareRefNames).map((name) => ({ name, objectId: '', peeledId: '' }));
        const expected = refs.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)));
        expect(refsWithPrefixes(refs, prefixes)).toEqual(expected);
      }),
    );
  });
});

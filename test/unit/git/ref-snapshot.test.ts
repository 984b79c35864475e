import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveHead, sortRefs } from '../../../src/git/ref-snapshot.ts';

const ref = (name: string) => ({ name, objectId: 'a'.repeat(40), peeledId: '' });

describe('sortRefs', () => {
  it('puts names into the order of their bytes, beyond the basic plane too', () => {
    const names = fc.array(fc.string({ unit: 'binary', maxLength: 4 }).filter((name) => name.isWellFormed()));
    fc.assert(
      fc.property(names, (unsorted) => {
        const expected = unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(sortRefs(unsorted.map(ref)).map(({ name }) => name)).toEqual(expected);
      }),
    );
  });

  it('returns refs that are in order as they are', () => {
    const refs = [ref('refs/heads/a'), ref('refs/heads/b')];
    expect(sortRefs(refs)).toBe(refs);
  });
});

describe('resolveHead', () => {
  it('finds the branch among any number of refs, or nothing', () => {
    const refs = Array.from({ length: 17 }, (_, at) => ref(`refs/heads/${String.fromCharCode(97 + at)}`));
    for (const each of refs) expect(resolveHead({ objectFormat: 'sha1', head: each.name, refs })).toBe(each);
    expect(resolveHead({ objectFormat: 'sha1', head: 'refs/heads/zz', refs })).toBeUndefined();
    expect(resolveHead({ objectFormat: 'sha1', head: 'refs/heads/a', refs: [] })).toBeUndefined();
  });
});

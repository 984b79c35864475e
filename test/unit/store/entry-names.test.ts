import { describe, expect, it } from 'vitest';
import { checkEntryNames } from '../../../src/store/entry-names.ts';

const key = 'a'.repeat(64);

describe('the names of a cache entry', () => {
  it.each([
    { what: 'a short key', names: ['a', ''] },
    { what: 'a key in capitals', names: ['A'.repeat(64), ''] },
    { what: 'a path', names: [`../${'a'.repeat(61)}`, ''] },
    { what: 'a long tag', names: [key, 'x'.repeat(1_000)] },
  ])('are not $what', ({ names: [first = '', tag = ''] }) => {
    expect(() => checkEntryNames(first, tag)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('are 64 hex digits and the id of a repository', () => {
    expect(() => checkEntryNames(key, '01890a5d-ac96-774b-bcce-b302099a8057')).not.toThrow();
  });
});

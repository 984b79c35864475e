import { describe, expect, it } from 'vitest';
import { parseFetch } from '../../../src/git/fetch-request.ts';
import type { RefSnapshot } from '../../../src/git/ref-snapshot.ts';
import { resolveWantRefs } from '../../../src/git/wanted-refs.ts';

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string];
const refs: RefSnapshot = {
  objectFormat: 'sha1',
  head: 'refs/heads/main',
  refs: [
    { name: 'refs/heads/main', objectId: a, peeledId: '' },
    { name: 'refs/heads/next', objectId: b, peeledId: '' },
  ],
};

function resolve(...args: string[]) {
  const request = parseFetch([...args, 'done'], 'sha1');
  return request === undefined ? undefined : resolveWantRefs(request, refs);
}

describe('resolveWantRefs', () => {
  it('leaves a request as it is that names objects', () => {
    const resolved = resolve(`want ${c}`);
    expect(resolved?.request.wants).toEqual([c]);
    expect(resolved?.section).toHaveLength(0);
  });

  it('wants what the refs point at, and tells which, each once and in order', () => {
    const resolved = resolve(`want ${c}`, 'want-ref refs/heads/next', 'want-ref HEAD', 'want-ref HEAD');
    expect(resolved?.request).toMatchObject({ wants: [c, a, b], wantRefs: [] });
    expect(resolved?.section.toString()).toBe(`0010wanted-refs\n0032${a} HEAD\n003d${b} refs/heads/next\n0001`);
  });

  it.each(['refs/heads/no', 'refs/heads/mai', 'next'])('knows no ref %s', (name) => {
    expect(resolve(`want-ref ${name}`)).toBeUndefined();
  });

  it('knows no HEAD whose branch is not there', () => {
    const request = parseFetch(['want-ref HEAD', 'done'], 'sha1');
    expect(request && resolveWantRefs(request, { ...refs, head: 'refs/heads/no' })).toBeUndefined();
  });
});

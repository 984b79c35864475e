import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRefName, refFormatFault, refNameBytesMax, refNameFault } from '../../../src/git/ref-name.ts';

/** Asks the real git about many names with one shell: names come NUL-separated, answers are 0 and 1. */
function gitAccepts(names: readonly string[]): boolean[] {
  const script = 'while IFS= read -r -d "" name; do git check-ref-format "$name" && echo 1 || echo 0; done';
  const answers = execFileSync('bash', ['-c', script], { input: names.map((name) => `${name}\0`).join('') });
  return answers
    .toString()
    .trim()
    .split('\n')
    .map((answer) => answer === '1');
}

const pieces = ['refs', 'heads', '/', '.', '..', '@', '@{', '.lock', ' ', '~', '^', ':', '?', '*', '[', '\\', '\t'];
const name = fc
  .array(fc.oneof(fc.constantFrom(...pieces, '\x7f', '-', 'ä', '日本', '{', '}', ']'), fc.string({ maxLength: 3 })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .chain((tail) => fc.constantFrom(tail, `refs/heads/${tail}`, `refs/${tail}/x`));

describe('refFormatFault', () => {
  it('agrees with git check-ref-format on generated names', () => {
    const fixed = ['refs/heads/main', 'main', '', '@', 'refs/heads/@', 'a/b.lock', 'a.lock/b', 'a/.b', 'a//b', 'a/b/'];
    const names = [...fixed, '/a/b', 'a/b.', 'a/b..c', 'a/@{', 'a/{', ...fc.sample(name, { numRuns: 300, seed: 7 })];
    const judged = names.map((each) => [each, refFormatFault(each) === undefined]);
    expect(judged).toEqual(gitAccepts(names).map((accepted, at) => [names[at], accepted]));
  });
});

describe('refNameFault', () => {
  it.each([
    ['refs/heads/main', undefined],
    ['refs/heads/ä', undefined],
    ['heads/main', "is not below 'refs/'"],
    ['HEAD', "has no '/'"],
    ['refs/heads/a\ufffd', 'is not valid UTF-8'],
    ['refs/heads/\0', 'contains "\\u0000"'],
    [`refs/heads/${'x'.repeat(251)}`, 'has a component longer than 250 bytes'],
    [`refs/${'x/'.repeat(600)}x`, `is longer than ${refNameBytesMax} bytes`],
  ])('%s: %s', (text, fault) => {
    expect(refNameFault(text)).toBe(fault);
  });

  it('is thrown by checkRefName as REF_NAME_INVALID', () => {
    expect(checkRefName('refs/tags/v1')).toBe('refs/tags/v1');
    expect(() => checkRefName('refs/tags/v 1')).toThrow(expect.objectContaining({ code: 'REF_NAME_INVALID' }));
  });
});

import { describe, expect, it } from 'vitest';
import { isRepoName, parseRepoName } from '../../../src/git/repo-name.ts';

describe('parseRepoName', () => {
  it.each([
    ['owner/name', 'owner/name'],
    ['owner/name.git', 'owner/name'],
    ['a/b/c/d/e/f/g/h', 'a/b/c/d/e/f/g/h'],
    ['A-1/b_2.c', 'A-1/b_2.c'],
    [`o/${'x'.repeat(100)}.git`, `o/${'x'.repeat(100)}`],
  ])('reads %s as %s', (text, name) => {
    expect(parseRepoName(text)).toBe(name);
    expect(isRepoName(name)).toBe(true);
  });

  it.each([
    '',
    'name',
    '/name',
    'owner/',
    'owner//name',
    '/owner/name',
    'a/b/c/d/e/f/g/h/i',
    'owner/..',
    '../name',
    'owner/a..b',
    'owner/.name',
    'owner/-name',
    'owner/name.lock',
    'owner/name.git.git',
    'owner.git/name',
    'owner/na me',
    'owner/na\0me',
    'owner/näme',
    'owner/.git',
    `o/${'x'.repeat(101)}`,
  ])('refuses %j and says what would be right', (text) => {
    expect(() => parseRepoName(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'repo' }) }),
    );
    expect(isRepoName(text)).toBe(false);
  });

  it('names the field that it was asked about', () => {
    expect(() => parseRepoName('x', 'name')).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ field: 'name' }) }),
    );
  });
});

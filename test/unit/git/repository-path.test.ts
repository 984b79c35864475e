import { describe, expect, it } from 'vitest';
import { isGitService, parseRepositoryPath, pathBytesMax } from '../../../src/git/repository-path.ts';

describe('parseRepositoryPath', () => {
  it.each([
    ['/o/n.git/info/refs', { kind: 'info-refs', repo: 'o/n' }],
    ['/o/n/info/refs', { kind: 'info-refs', repo: 'o/n' }],
    ['/a/b/c/git-upload-pack', { kind: 'service', repo: 'a/b/c', service: 'git-upload-pack' }],
    ['/o/n.git/git-receive-pack', { kind: 'service', repo: 'o/n', service: 'git-receive-pack' }],
    ['/%6f/n.git/git-receive-pack', { kind: 'service', repo: 'o/n', service: 'git-receive-pack' }],
    ['/o/n.git/HEAD', { kind: 'dumb' }],
    ['/o/n.git/objects/info/packs', { kind: 'dumb' }],
    [`/o/n.git/objects/aa/${'b'.repeat(38)}`, { kind: 'dumb' }],
    ['/healthz', undefined],
    ['/', undefined],
    ['', undefined],
  ])('reads %s', (path, expected) => {
    expect(parseRepositoryPath(path)).toEqual(expected);
  });

  it.each([
    '/n.git/info/refs',
    '/info/refs',
    '/o/../n/info/refs',
    '/o/%2e%2e/n/info/refs',
    '/o%2fn/info/refs',
    '/o/n%00/info/refs',
    '/o/n%zz/info/refs',
    '/o/n%ff/info/refs',
    '/o//n/info/refs',
    '/o/n%20m/info/refs',
    '//o/n/info/refs',
    `/o/${'n'.repeat(pathBytesMax)}/info/refs`,
    '/../../etc/passwd',
  ])('refuses %s', (path) => {
    expect(() => parseRepositoryPath(path)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('knows the two services', () => {
    expect(['git-upload-pack', 'git-receive-pack', 'git-shell', undefined].map(isGitService)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

import { StratumError } from '../base/errors.ts';
import { parseRepoName } from './repo-name.ts';

/** A service of the smart protocol. */
export type GitService = 'git-upload-pack' | 'git-receive-pack';

/** What a request path asks for. `dumb` is a file of the dumb protocol. */
export type RepositoryPath =
  | { readonly kind: 'info-refs'; readonly repo: string }
  | { readonly kind: 'service'; readonly repo: string; readonly service: GitService }
  | { readonly kind: 'dumb' };

/** Longest request path in bytes, escapes included: three times the longest name and its suffix. */
export const pathBytesMax = 4096;

const suffixes: readonly { readonly segments: readonly string[]; readonly service?: GitService }[] = [
  { segments: ['info', 'refs'] },
  { segments: ['git-upload-pack'], service: 'git-upload-pack' },
  { segments: ['git-receive-pack'], service: 'git-receive-pack' },
];

const dumbFile =
  /\/(HEAD|objects\/(info\/(alternates|http-alternates|packs)|[0-9a-f]{2}\/[0-9a-f]{38,62}|pack\/pack-[0-9a-f]+\.(pack|idx)))$/;

/** Whether text is a service of the smart protocol. */
export function isGitService(text: string | undefined): text is GitService {
  return text === 'git-upload-pack' || text === 'git-receive-pack';
}

/**
 * Reads the raw path of a request, query cut off. Undefined when it has no Git suffix. Segments are
 * unescaped one by one, so that an escaped '/' or NUL never becomes structure; a bad name is
 * INVALID_ARGUMENT.
 */
export function parseRepositoryPath(rawPath: string): RepositoryPath | undefined {
  if (rawPath.length > pathBytesMax) throw invalidPath(`is longer than ${pathBytesMax} bytes`);
  const segments = rawPath.split('/').slice(1).map(unescapeSegment);
  for (const suffix of suffixes) {
    const count = suffix.segments.length;
    if (suffix.segments.every((segment, at) => segments.at(at - count) === segment)) {
      const repo = parseRepoName(segments.slice(0, -count).join('/'), 'path');
      return suffix.service === undefined
        ? { kind: 'info-refs', repo }
        : { kind: 'service', repo, service: suffix.service };
    }
  }
  return dumbFile.test(rawPath) ? { kind: 'dumb' } : undefined;
}

function unescapeSegment(segment: string): string {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch (error) {
    throw invalidPath('has a %-escape that is no UTF-8', error);
  }
  if (text.includes('/') || text.includes('\0')) throw invalidPath("has an escaped '/' or NUL");
  if (text === '..' || text === '.') throw invalidPath(`contains '${text}'`);
  return text;
}

function invalidPath(reason: string, cause?: unknown): StratumError<'INVALID_ARGUMENT'> {
  const details = { field: 'path', reason, expected: '/owner/name.git/info/refs and the like' };
  return new StratumError('INVALID_ARGUMENT', `the request path ${reason}`, details, {
    hint: 'Use a URL such as http://host/owner/name.git.',
    cause,
  });
}

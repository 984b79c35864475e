import { StratumError } from '../base/errors.ts';

/** Segments of a repository's name: an owner and a name at least. */
export const repoSegmentsMin = 2;

/** Deepest repository name. */
export const repoSegmentsMax = 8;

/** Longest segment in characters (all of them ASCII). */
export const repoSegmentCharactersMax = 100;

const expected = `${repoSegmentsMin} to ${repoSegmentsMax} segments of A-Z a-z 0-9 . _ - joined by '/', for example owner/name`;

/**
 * The name of a repository from what a person or a URL says: "owner/name" or deeper, a last
 * ".git" taken off. Independent of HTTP: a URL is unescaped before. INVALID_ARGUMENT says what
 * is wrong; `field` names the place in its details.
 */
export function parseRepoName(text: string, field = 'repo'): string {
  const name = text.endsWith('.git') ? text.slice(0, -'.git'.length) : text;
  const segments = name.split('/');
  if (segments.length < repoSegmentsMin) throw invalid(text, field, 'has no owner before the name');
  if (segments.length > repoSegmentsMax) throw invalid(text, field, `has more than ${repoSegmentsMax} segments`);
  for (const segment of segments) {
    const fault = segmentFault(segment);
    if (fault !== undefined) throw invalid(text, field, `has a segment that ${fault}`);
  }
  return name;
}

/** Whether text is the canonical name of a repository. */
export function isRepoName(text: string): boolean {
  const segments = text.split('/');
  return (
    segments.length >= repoSegmentsMin &&
    segments.length <= repoSegmentsMax &&
    segments.every((segment) => segmentFault(segment) === undefined)
  );
}

function segmentFault(segment: string): string | undefined {
  if (segment === '') return 'is empty';
  if (segment.length > repoSegmentCharactersMax) return `is longer than ${repoSegmentCharactersMax} characters`;
  if (segment.includes('..')) return "contains '..'";
  if (!/^[A-Za-z0-9._-]+$/.test(segment)) return 'contains other characters than A-Z a-z 0-9 . _ -';
  if (segment.startsWith('.') || segment.startsWith('-')) return `begins with '${segment[0]}'`;
  if (segment.endsWith('.lock') || segment.endsWith('.git')) return "ends with '.lock' or '.git'";
  return undefined;
}

function invalid(text: string, field: string, reason: string): StratumError<'INVALID_ARGUMENT'> {
  const shown = JSON.stringify(text.length > 128 ? `${text.slice(0, 128)}…` : text);
  return new StratumError(
    'INVALID_ARGUMENT',
    `repository name ${shown} ${reason}`,
    { field, reason, expected },
    { hint: `Use ${expected}.` },
  );
}

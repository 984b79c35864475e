import { checkRefName } from '../git/ref-name.ts';

/** What a short name may stand for, in git's order; the first that is there is meant. */
export function refCandidates(name: string): readonly string[] {
  if (name.startsWith('refs/')) return [name];
  const below = name.includes('/') ? [`refs/${name}`] : [];
  return [...below, `refs/tags/${name}`, `refs/heads/${name}`];
}

/** Checks a ref as a person types it, in full or short, or "HEAD"; REF_NAME_INVALID. */
export function parseRef(text: string): string {
  if (text !== 'HEAD') checkRefName(text.startsWith('refs/') ? text : `refs/heads/${text}`);
  return text;
}

/** A prefix of ref names as a person types it: "heads/" is "refs/heads/". */
export function refPrefix(text: string): string {
  return text.startsWith('refs') ? text : `refs/${text}`;
}

import { createHash } from 'node:crypto';
import { canonicalFetch, encodeFetch, type FetchRequest } from './fetch-request.ts';
import type { ObjectFormat } from './object-id.ts';
import { findRef, type GitRef, type RefSnapshot } from './ref-snapshot.ts';

/** What a response to a fetch is determined by. */
export interface FetchQuestion {
  readonly repoId: string;
  readonly request: FetchRequest;
  readonly format: ObjectFormat;
  /** The refs that `git upload-pack` will see. */
  readonly refs: RefSnapshot;
  /** The version of the git that answers: another one may choose other deltas. */
  readonly gitVersion: string;
}

/** Goes up when the same question begins to mean another response, as with another setting of `git upload-pack`. */
const keyVersion = 1;

/**
 * 64 hex digits: equal for fetches that the same response answers, whoever asks and however the
 * arguments are ordered. Refs are part of it only where the response depends on them, so that a
 * push to one branch leaves the responses for all others in use. Undefined when a name does not
 * resolve to one ref: then git refuses the request, or looks where refs are not known here.
 */
export function fetchKey(question: FetchQuestion): string | undefined {
  const { repoId, format, refs, gitVersion } = question;
  const request = canonicalFetch(question.request);
  const wanted = request.wantRefs.map((name) => findRef(refs, name)?.objectId);
  const excluded = request.deepenNots.map((name) => resolveLikeGit(refs, name));
  if (wanted.includes(undefined) || excluded.includes(undefined)) return undefined;
  const tags = request.options.has('include-tag') ? digestOf(refs, 'annotated tags') : '';
  // git goes on only from those of the client's boundary commits that some ref reaches.
  const reachable = request.options.has('deepen-relative') ? digestOf(refs, 'all') : '';
  return createHash('sha256')
    .update(`${JSON.stringify([keyVersion, gitVersion, repoId, wanted, excluded, tags, reachable])}\n`)
    .update(encodeFetch(request, format))
    .digest('hex');
}

/** Where git looks for a short name (ref_rev_parse_rules of refs.c), in its order. */
const lookupRules: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => `refs/${name}`,
  (name) => `refs/tags/${name}`,
  (name) => `refs/heads/${name}`,
  (name) => `refs/remotes/${name}`,
  (name) => `refs/remotes/${name}/HEAD`,
];

/** The id of the only ref that a short name may mean; git refuses a name that means two. */
function resolveLikeGit(refs: RefSnapshot, name: string): string | undefined {
  const ids = lookupRules.map((rule) => findRef(refs, rule(name))?.objectId).filter((id) => id !== undefined);
  return ids.length === 1 ? ids[0] : undefined;
}

type RefSelection = 'annotated tags' | 'all';

/** By snapshot: to hash 100,000 refs takes longer than to send a small response. */
const digests: Readonly<Record<RefSelection, WeakMap<RefSnapshot, string>>> = {
  'annotated tags': new WeakMap(),
  all: new WeakMap(),
};

function digestOf(refs: RefSnapshot, selection: RefSelection): string {
  const known = digests[selection].get(refs);
  if (known !== undefined) return known;
  const isSelected = selection === 'all' ? () => true : isAnnotatedTag;
  const hash = createHash('sha256');
  // Without names: a response shows none of them, and an id says what a tag leads to.
  for (const id of new Set(refs.refs.filter(isSelected).map((ref) => ref.objectId))) hash.update(`${id}\n`);
  const digest = hash.digest('hex');
  digests[selection].set(refs, digest);
  return digest;
}

function isAnnotatedTag(ref: GitRef): boolean {
  return ref.peeledId !== '' && ref.name.startsWith('refs/tags/');
}

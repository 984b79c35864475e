import { createHash } from 'node:crypto';
import { StratumError } from '../../../base/errors.ts';
import { PackRef, type ReplacePacksRequest, type ReplacePacksResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { readRepoWithId } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { packsReplacementKey, repoKey } from '../state-keys.ts';
import { decodePacksReplacement, encodePacksReplacement, encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';
import { changePacks } from './pack-list.ts';

/**
 * Compare-and-swap of the pack list: VERSION_CONFLICT when it has changed since it was read, or the refs have where the
 * request says which it was based on. The last one that was carried out gets the same answer when it is asked again: it
 * did what this would have done, and nobody has undone it.
 *
 * With `allow_added` a list that is newer will do as well if all that goes is still there. Nothing is lost by that: a
 * pack's name stands for its objects, the added packs have all of those, and what was added since stays listed. Without it
 * what goes may be dropped, which the repository remembers for pushes that were checked against an older list.
 */
export function applyReplacePacks(
  state: StateReader,
  request: ReplacePacksRequest,
  context: EntryContext,
): Applied<ReplacePacksResponse> {
  const { repo: name, repoId, remove, add, expectedGeneration } = request;
  const stored = readRepoWithId(state, name, repoId);
  const current = stored.repo.packsGeneration;
  if (current !== expectedGeneration) {
    const replayed = replayedAnswer(state, request);
    if (replayed !== undefined) return { writes: [], result: replayed };
    if (!request.allowAdded || current < expectedGeneration) {
      throw conflict(`packs of repository ${name}`, expectedGeneration, current);
    }
  }
  const { expectedRefsGeneration = stored.repo.refsGeneration } = request;
  if (stored.repo.refsGeneration !== expectedRefsGeneration) {
    throw conflict(`refs of repository ${name}`, expectedRefsGeneration, stored.repo.refsGeneration);
  }
  const { repo: changed, writes } = changePacks(state, stored.repo, { remove, add }, context);
  const result = { packsGeneration: changed.packsGeneration };
  const drops = !request.allowAdded && remove.length > 0;
  const repo = drops ? { ...changed, packsDroppedGeneration: changed.packsGeneration } : changed;
  if (writes.length === 0) return { writes, result };
  const replacement = { digest: digestOf(request), expectedGeneration, ...result };
  return {
    writes: [
      ...writes,
      { key: packsReplacementKey(repoId), value: encodePacksReplacement(replacement) },
      { key: repoKey(name), value: encodeRepo({ ...stored, repo }) },
    ],
    result,
  };
}

function replayedAnswer(state: StateReader, request: ReplacePacksRequest): ReplacePacksResponse | undefined {
  const bytes = state.get(packsReplacementKey(request.repoId));
  if (bytes === undefined) return undefined;
  const { digest, expectedGeneration, packsGeneration } = decodePacksReplacement(bytes);
  const isSame = expectedGeneration === request.expectedGeneration && digest.equals(digestOf(request));
  return isSame ? { packsGeneration } : undefined;
}

function conflict(what: string, expected: bigint, current: bigint): StratumError<'VERSION_CONFLICT'> {
  return new StratumError(
    'VERSION_CONFLICT',
    `the ${what} are at generation ${current}, not ${expected}`,
    { what, expected: String(expected), current: String(current) },
    { hint: 'read refs and pack list again' },
  );
}

function digestOf({ remove, add, allowAdded, expectedRefsGeneration }: ReplacePacksRequest): Buffer {
  const hash = createHash('sha256').update(remove.join(' '));
  // Only where they say something: what was asked without them keeps its digest.
  if (allowAdded) hash.update('\nadded');
  if (expectedRefsGeneration !== undefined) hash.update(`\nrefs ${expectedRefsGeneration}`);
  for (const pack of add) {
    const bytes = PackRef.encode(pack).finish();
    hash.update(`\n${bytes.length} `).update(bytes);
  }
  return hash.digest();
}

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
 * Compare-and-swap of the pack list: VERSION_CONFLICT when it has changed since it was read. The last one that was carried
 * out gets the same answer when it is asked again: it did what this would have done, and nobody has undone it.
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
    throw new StratumError(
      'VERSION_CONFLICT',
      `the pack list of repository ${name} is at generation ${current}, not ${expectedGeneration}`,
      { what: `packs of repository ${name}`, expected: String(expectedGeneration), current: String(current) },
      { hint: 'read the pack list again' },
    );
  }
  const { repo, writes } = changePacks(state, stored.repo, { remove, add }, context);
  const result = { packsGeneration: repo.packsGeneration };
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

function digestOf({ remove, add }: ReplacePacksRequest): Buffer {
  const hash = createHash('sha256').update(remove.join(' '));
  for (const pack of add) {
    const bytes = PackRef.encode(pack).finish();
    hash.update(`\n${bytes.length} `).update(bytes);
  }
  return hash.digest();
}

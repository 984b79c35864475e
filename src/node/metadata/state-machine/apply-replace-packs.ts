import { StratumError } from '../../../base/errors.ts';
import type { ReplacePacksRequest, ReplacePacksResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { readRepoWithId } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { repoKey } from '../state-keys.ts';
import { encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';
import { changePacks } from './pack-list.ts';

/** Compare-and-swap of the pack list: VERSION_CONFLICT when it has changed since it was read. */
export function applyReplacePacks(
  state: StateReader,
  { repo: name, repoId, remove, add, expectedGeneration }: ReplacePacksRequest,
  context: EntryContext,
): Applied<ReplacePacksResponse> {
  const stored = readRepoWithId(state, name, repoId);
  const current = stored.repo.packsGeneration;
  if (current !== expectedGeneration) {
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
  return { writes: [...writes, { key: repoKey(name), value: encodeRepo({ ...stored, repo }) }], result };
}

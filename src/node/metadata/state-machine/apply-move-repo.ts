import type { MoveRepoOperation } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findRepo } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import type { Applied, EntryContext, Renamed } from './applied.ts';
import { assertNameFree, assertNoRename, findIntent, giveName, readNameable } from './name-rows.ts';

/**
 * Gives a repository a name that leads to this partition, which is its own; one that has it already keeps it.
 * REPO_NOT_FOUND, REPO_EXISTS; REPO_MOVED when the name is kept for a repository of another partition.
 */
export function applyMoveRepo(
  state: StateReader,
  { repoId, name, newName }: MoveRepoOperation,
  { atMs }: EntryContext,
): Applied<Renamed> {
  const present = findRepo(state, newName);
  if (present?.repo.id === repoId) return { writes: [], result: { repo: present.repo, freed: undefined } };
  const stored = readNameable(state, name, repoId, atMs);
  assertNoRename(findIntent(state, repoId), atMs);
  assertNameFree(state, newName);
  const { writes, ...result } = giveName(state, stored, newName);
  return { writes, result };
}

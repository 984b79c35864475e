import { packFileNames, removePack } from '../bare-repository.ts';
import type { CrossPackIndex } from './cross-pack-index.ts';
import type { RepositoryState } from './repository-state.ts';

/** Whether packs that are listed no more have outlived their grace. */
export function retiredIsDue(state: RepositoryState, nowMs: number): boolean {
  return dueOf(state, nowMs).length > 0;
}

/**
 * Deletes packs that are listed no more and have outlived their grace, unless somebody holds the
 * repository: git opens the packs that it saw at its start at any later moment.
 */
export async function removeRetired(
  state: RepositoryState,
  nowMs: number,
  indexes: Pick<CrossPackIndex, 'drop' | 'consider'>,
): Promise<void> {
  const removed = await state.runAlone(() => removePacks(state, dueOf(state, nowMs), indexes));
  if (removed) await indexes.consider(state);
}

/** Deletes packs. An index over several packs goes first: whoever starts from here on finds none that names one which is gone. */
export async function removePacks(
  state: RepositoryState,
  names: readonly string[],
  indexes: Pick<CrossPackIndex, 'drop'>,
): Promise<void> {
  if (names.length === 0) return;
  // An index of an older process, or one that is being written, may name any pack; one of this process only what it was given.
  const { indexed, indexing } = state;
  if (indexing !== undefined || indexed === undefined || names.some((name) => indexed.has(name))) {
    await indexes.drop(state);
  }
  for (const name of names) {
    await removePack(state.path, name);
    state.record.forget(packFileNames(name));
    state.retired.delete(name);
  }
}

function dueOf(state: RepositoryState, nowMs: number): string[] {
  return [...state.retired].flatMap(([name, dueMs]) => (dueMs <= nowMs ? [name] : []));
}

import { removePack } from '../bare-repository.ts';
import type { CrossPackIndex } from './cross-pack-index.ts';
import type { RepositoryState } from './repository-state.ts';
import { packRecordNames } from './repository-update.ts';

/** Whether packs that are listed no more have outlived their grace. */
export function retiredIsDue(state: RepositoryState, nowMs: number): boolean {
  return dueOf(state, nowMs).length > 0;
}

/**
 * Deletes packs that are listed no more and have outlived their grace, unless somebody holds the
 * repository: git opens the packs that it saw at its start at any later moment. An index over
 * several packs goes first; git never sees one that names a pack which is gone.
 */
export async function removeRetired(
  state: RepositoryState,
  nowMs: number,
  indexes: Pick<CrossPackIndex, 'drop' | 'consider'>,
): Promise<void> {
  const removed = await state.runAlone(async () => {
    const due = dueOf(state, nowMs);
    // An index of an older process may name any pack; one of this process names only what it was given.
    if (state.indexed === undefined || due.some((name) => state.indexed?.has(name))) await indexes.drop(state);
    for (const name of due) {
      await removePack(state.path, name);
      state.record.forget(packRecordNames(name));
      state.retired.delete(name);
    }
  });
  if (removed) await indexes.consider(state);
}

function dueOf(state: RepositoryState, nowMs: number): string[] {
  return [...state.retired].flatMap(([name, { dueMs }]) => (dueMs <= nowMs ? [name] : []));
}

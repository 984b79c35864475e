import type { FoundRepositories } from './found-repositories.ts';
import type { RepositoryRoom } from './repository-room.ts';
import type { RepositoryState } from './repository-state.ts';

/** What is to go. */
export interface RepositoryPurge {
  /** All repositories unless given. */
  readonly repoId?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** What a purge did, or would do. */
export interface PurgedRepositories {
  readonly repositories: number;
  readonly bytes: number;
  /** Repositories in use, which go when their last user has ended. */
  readonly deferred: number;
}

/** Where the repositories are. */
export interface PurgeModules {
  readonly states: ReadonlyMap<string, RepositoryState>;
  readonly room: Pick<RepositoryRoom, 'evict'>;
  readonly found: Pick<FoundRepositories, 'examineSome'>;
}

/** Deletes cached copies, at once or when their last user has ended; a dry run only says what would go. */
export async function purgeRepositories(
  { repoId, dryRun = false }: RepositoryPurge,
  { states, room, found }: PurgeModules,
): Promise<PurgedRepositories> {
  const named = [...states.values()].filter(({ id }) => repoId === undefined || id === repoId);
  await found.examineSome(named); // The size of what an older process left may not be known yet.
  let repositories = 0;
  let bytes = 0;
  let deferred = 0;
  for (const state of named) {
    const size = state.record.bytes;
    // Room was made meanwhile: what is there now under the same id, if anything, came after this call.
    if (size === 0 || states.get(state.id) !== state) continue;
    if (dryRun ? state.isIdle : await room.evict(state)) {
      repositories += 1;
      bytes += size;
    } else {
      deferred += 1;
      if (!dryRun) state.isUnwanted = true;
    }
  }
  return { repositories, bytes, deferred };
}

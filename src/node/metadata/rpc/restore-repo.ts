import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { nameRepo } from '../name-repo.ts';
import { findDeletedRepo, repoNotFound } from '../repo-state.ts';
import { checkRepoName, homeOf, invalid } from '../request-fields.ts';
import { isRepoId } from '../state-keys.ts';

/**
 * MetadataService.RestoreRepo: gives a deleted repository its old name or another one. REPO_NOT_FOUND when its grace time
 * is over, REPO_EXISTS when the name is taken.
 */
export function restoreRepo(modules: MetadataModules): MetadataHandlers['restoreRepo'] {
  const { partitions } = modules;
  return async ({ id, name, newName, home: given }, { signal }) => {
    if (!isRepoId(id)) throw invalid('id', `id ${JSON.stringify(id.slice(0, 64))} is none`, '32 hex digits');
    if (newName !== '') checkRepoName(newName, 'new_name');
    if (given === undefined) checkRepoName(name, 'name');
    const home = homeOf(partitions, name, given);
    const wanted = newName || partitions.read(home, (state) => findDeletedRepo(state, id)?.repo.name) || name;
    if (wanted === '') throw repoNotFound(`with id ${id}`);
    return { repo: await nameRepo({ home, repoId: id, name: '', newName: wanted }, modules, signal) };
  };
}

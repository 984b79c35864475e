import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { nameRepo } from '../name-repo.ts';
import { checkRepoName, homeOf, invalid } from '../request-fields.ts';

/**
 * MetadataService.RenameRepo: REPO_EXISTS when the new name is taken, REPO_NOT_FOUND when the repository is not the one
 * with that id, VERSION_CONFLICT while it is being renamed to something else. One that has the name already is success.
 */
export function renameRepo(modules: MetadataModules): MetadataHandlers['renameRepo'] {
  const { partitions } = modules;
  return async (request, { signal }) => {
    const name = checkRepoName(request.name, 'name');
    const newName = checkRepoName(request.newName, 'new_name');
    const { expectedId: repoId } = request;
    if (repoId === '') {
      throw invalid('expected_id', 'expected_id is missing', 'the id of the repository that shall be renamed');
    }
    const home = homeOf(partitions, name, request.home);
    return { repo: await nameRepo({ home, repoId, name, newName }, modules, signal) };
  };
}

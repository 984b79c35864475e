import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { releaseFreedName } from '../claim-name.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { repoNotFound } from '../repo-state.ts';
import { checkRepoName, homeOf, invalid } from '../request-fields.ts';

/** For the bounds of the queue: a name and an id. */
const operationBytes = 1_024;

/**
 * MetadataService.DeleteRepo: a repository that is not there is success, one with another id VERSION_CONFLICT. Where the
 * caller names its partition, one that is not there is REPO_NOT_FOUND: it may be elsewhere by now.
 */
export function deleteRepo(modules: MetadataModules): MetadataHandlers['deleteRepo'] {
  const { partitions } = modules;
  return async (request, { signal }) => {
    const name = checkRepoName(request.name, 'name');
    if (request.expectedId === '') {
      throw invalid('expected_id', 'expected_id is missing', 'the id of the repository that shall be deleted');
    }
    const operation = { $case: 'deleteRepo', value: { request } } as const;
    const partition = homeOf(partitions, name, request.home);
    const { response, freed } = await partitions.submit<'deleteRepo'>(partition, operation, {
      bytes: operationBytes,
      signal,
    });
    if (!response.deleted && request.home !== undefined) throw repoNotFound(name);
    await releaseFreedName(freed, modules);
    return response;
  };
}

import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkRepoName, invalid } from '../request-fields.ts';

/** For the bounds of the queue: a name and an id. */
const operationBytes = 1_024;

/** MetadataService.DeleteRepo: a repository that is not there is success, one with another id VERSION_CONFLICT. */
export function deleteRepo({ operations }: MetadataModules): MetadataHandlers['deleteRepo'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.name, 'name');
    if (request.expectedId === '') {
      throw invalid('expected_id', 'expected_id is missing', 'the id of the repository that shall be deleted');
    }
    const operation = { $case: 'deleteRepo', value: { request } } as const;
    return operations.submit<'deleteRepo'>(name, operation, { bytes: operationBytes, signal });
  };
}

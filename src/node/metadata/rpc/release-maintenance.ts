import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkHolder, checkRepoName, homeOf } from '../request-fields.ts';

/** For the bounds of the queue: two names and an id. */
const operationBytes = 2_048;

/** MetadataService.ReleaseMaintenance: gives the lease of a repository's maintenance back. */
export function releaseMaintenance({
  partitions,
}: Pick<MetadataModules, 'partitions'>): MetadataHandlers['releaseMaintenance'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    checkHolder(request.holder);
    const operation = { $case: 'releaseMaintenance', value: request } as const;
    const partition = homeOf(partitions, name, request.home);
    return partitions.submit<'releaseMaintenance'>(partition, operation, { bytes: operationBytes, signal });
  };
}

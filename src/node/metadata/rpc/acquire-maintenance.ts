import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkHolder, checkRepoName, homeOf, invalid } from '../request-fields.ts';
import { maintenanceTtlMsMax } from '../state-machine/apply-maintenance.ts';

/** For the bounds of the queue: two names and an id. */
const operationBytes = 2_048;

/** MetadataService.AcquireMaintenance: takes or renews the lease of a repository's maintenance. */
export function acquireMaintenance({
  partitions,
}: Pick<MetadataModules, 'partitions'>): MetadataHandlers['acquireMaintenance'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    checkHolder(request.holder);
    if (request.ttlMs < 1n || request.ttlMs > maintenanceTtlMsMax) {
      throw invalid('ttl_ms', `ttl_ms is ${request.ttlMs}`, `1 to ${maintenanceTtlMsMax}`);
    }
    const operation = { $case: 'acquireMaintenance', value: request } as const;
    const partition = homeOf(partitions, name, request.home);
    return partitions.submit<'acquireMaintenance'>(partition, operation, { bytes: operationBytes, signal });
  };
}

import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkRepoName, checkRequestId } from '../request-fields.ts';

/** For the bounds of the queue: a name and a token. */
const operationBytes = 1_024;

/** MetadataService.ReleaseName: gives up a name that is kept under this token; under another one nothing happens. */
export function releaseName({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['releaseName'] {
  return async (request, { signal }) => {
    const partition = partitions.partitionOf(checkRepoName(request.name, 'name'));
    checkRequestId(request.token, 'token');
    const operation = { $case: 'releaseName', value: request } as const;
    return partitions.submit<'releaseName'>(partition, operation, { bytes: operationBytes, signal });
  };
}

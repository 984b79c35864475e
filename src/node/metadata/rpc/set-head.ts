import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkHead, checkRepoName, homeOf } from '../request-fields.ts';

/** For the bounds of the queue: two names and an id. */
const operationBytes = 2_048;

/** MetadataService.SetHead: points HEAD at a branch, which need not exist. */
export function setHead({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['setHead'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    checkHead(request.head);
    const operation = { $case: 'setHead', value: request } as const;
    const partition = homeOf(partitions, name, request.home);
    return { repo: await partitions.submit<'setHead'>(partition, operation, { bytes: operationBytes, signal }) };
  };
}

import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkHead, checkRepoName } from '../request-fields.ts';

/** For the bounds of the queue: two names and an id. */
const operationBytes = 2_048;

/** MetadataService.SetHead: points HEAD at a branch, which need not exist. */
export function setHead({ operations }: Pick<MetadataModules, 'operations'>): MetadataHandlers['setHead'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    checkHead(request.head);
    const operation = { $case: 'setHead', value: request } as const;
    return { repo: await operations.submit<'setHead'>(name, operation, { bytes: operationBytes, signal }) };
  };
}

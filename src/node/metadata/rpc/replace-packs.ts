import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { assertChangeSize } from '../../../client/metadata-limits.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkPacks, checkRepoName } from '../request-fields.ts';

/** MetadataService.ReplacePacks: compare-and-swap of the pack list. */
export function replacePacks({ operations }: Pick<MetadataModules, 'operations'>): MetadataHandlers['replacePacks'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    const bytes = assertChangeSize([], [...request.add, ...request.remove]);
    checkPacks(request.add, 'add');
    return operations.submit<'replacePacks'>(name, { $case: 'replacePacks', value: request }, { bytes, signal });
  };
}

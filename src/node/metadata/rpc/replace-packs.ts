import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { assertChangeSize } from '../../../client/metadata-limits.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkPackName, checkPacks, checkRepoName, homeOf } from '../request-fields.ts';

/** MetadataService.ReplacePacks: compare-and-swap of the pack list; the last one may be repeated. */
export function replacePacks({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['replacePacks'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    const bytes = assertChangeSize([], [...request.add, ...request.remove]);
    checkPacks(request.add, 'add');
    for (const pack of request.remove) checkPackName(pack, 'remove');
    const operation = { $case: 'replacePacks', value: request } as const;
    return partitions.submit<'replacePacks'>(homeOf(partitions, name, request.home), operation, { bytes, signal });
  };
}

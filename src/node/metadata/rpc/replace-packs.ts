import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { assertChangeSize } from '../../../client/metadata-limits.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkPackName, checkPacks, checkRepoName, homeOf, invalid } from '../request-fields.ts';

/** MetadataService.ReplacePacks: compare-and-swap of the pack list; the last one may be repeated. */
export function replacePacks({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['replacePacks'] {
  return async (request, { signal }) => {
    const name = checkRepoName(request.repo, 'repo');
    const bytes = assertChangeSize([], [...request.add, ...request.remove]);
    checkPacks(request.add, 'add');
    for (const pack of request.remove) checkPackName(pack, 'remove');
    if (request.allowAdded && request.remove.length === 0) {
      // A late repetition could not be told from a request that somebody has undone.
      throw invalid('remove', 'allow_added is for packs that are replaced, and there are none', 'at least one pack');
    }
    const operation = { $case: 'replacePacks', value: request } as const;
    return partitions.submit<'replacePacks'>(homeOf(partitions, name, request.home), operation, { bytes, signal });
  };
}

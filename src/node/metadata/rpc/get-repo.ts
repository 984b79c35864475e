import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { readPacks, readRepo } from '../repo-state.ts';
import { checkRepoName, homeOf } from '../request-fields.ts';

/** MetadataService.GetRepo: the repository, and its packs as of the same moment when asked for. */
export function getRepo({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['getRepo'] {
  return async (request) => {
    const name = checkRepoName(request.name, 'name');
    return partitions.read(homeOf(partitions, name, request.home), (state) => {
      const { repo } = readRepo(state, name);
      return { repo, packs: request.includePacks ? readPacks(state, repo.id) : [] };
    });
  };
}

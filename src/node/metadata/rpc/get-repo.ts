import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { readPacks, readRepo } from '../repo-state.ts';
import { checkRepoName } from '../request-fields.ts';

/** MetadataService.GetRepo: the repository, and its packs as of the same moment when asked for. */
export function getRepo({ reads }: Pick<MetadataModules, 'reads'>): MetadataHandlers['getRepo'] {
  return async (request) => {
    const name = checkRepoName(request.name, 'name');
    return reads.ofRepo(name, (state) => {
      const { repo } = readRepo(state, name);
      return { repo, packs: request.includePacks ? readPacks(state, repo.id) : [] };
    });
  };
}

import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { readRefs, readRepo } from '../repo-state.ts';
import { checkRepoName } from '../request-fields.ts';

/** MetadataService.GetRefs: all refs of one moment, or "not modified" for a caller that has them. */
export function getRefs({ reads, refs }: Pick<MetadataModules, 'reads' | 'refs'>): MetadataHandlers['getRefs'] {
  return async ({ repo: repoName, ifRepoId, ifGenerationNot }) => {
    const name = checkRepoName(repoName, 'repo');
    return reads.ofRepo(name, (state) => {
      const { repo } = readRepo(state, name);
      const notModified = ifRepoId === repo.id && ifGenerationNot === repo.refsGeneration;
      // A copy of the list, not of the refs: the cache's own must stay as it is.
      return { notModified, repo, refs: notModified ? [] : [...refs.read(repo, () => readRefs(state, repo.id))] };
    });
  };
}

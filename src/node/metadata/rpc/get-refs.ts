import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { refsWithPrefixes } from '../refs-with-prefixes.ts';
import { readRefs, readRepo } from '../repo-state.ts';
import { checkRefPrefixes, checkRepoName, homeOf } from '../request-fields.ts';

/** MetadataService.GetRefs: the refs of one moment, or "not modified" for a caller that has them. */
export function getRefs({
  partitions,
  refs: cache,
}: Pick<MetadataModules, 'partitions' | 'refs'>): MetadataHandlers['getRefs'] {
  return async ({ repo: repoName, ifRepoId, ifGenerationNot, prefixes, home }) => {
    const name = checkRepoName(repoName, 'repo');
    checkRefPrefixes(prefixes);
    return partitions.read(homeOf(partitions, name, home), (state) => {
      const { repo } = readRepo(state, name);
      if (ifRepoId === repo.id && ifGenerationNot === repo.refsGeneration) return { notModified: true, repo, refs: [] };
      const all = cache.read(repo, () => readRefs(state, repo.id));
      // A copy of the list, not of the refs: the cache's own must stay as it is.
      return { notModified: false, repo, refs: prefixes.length === 0 ? [...all] : refsWithPrefixes(all, prefixes) };
    });
  };
}

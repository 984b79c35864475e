import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../../client/metadata-page-token.ts';
import type { Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { invalid } from '../request-fields.ts';
import { repoRange } from '../state-keys.ts';
import { decodeRepo } from '../state-records.ts';

/** Longest prefix that a repository's name can have: 8 segments of 100 characters. */
const prefixCharactersMax = 807;

/** MetadataService.ListRepos: repositories of this node's partitions, by name. */
export function listRepos({ reads }: Pick<MetadataModules, 'reads'>): MetadataHandlers['listRepos'] {
  return async ({ prefix, pageSize, pageToken }) => {
    if (prefix.length > prefixCharactersMax) {
      throw invalid('prefix', `prefix has ${prefix.length} characters`, `at most ${prefixCharactersMax}`);
    }
    const size = pageSizeOf(pageSize);
    // One more than the page tells whether there is another.
    const range = { ...repoRange(prefix, decodePageToken(pageToken)), limit: size + 1 };
    const found = reads.ofAll((states) =>
      states.flatMap((state) => [...state.range(range)].map(({ value }) => decodeRepo(value).repo)),
    );
    const repos = found.sort(byName).slice(0, size);
    const last = repos.at(-1);
    return { repos, nextPageToken: found.length > size && last !== undefined ? encodePageToken(last.name) : '' };
  };
}

/** Names are ASCII, so this is byte order. */
function byName(a: Repo, b: Repo): number {
  return a.name < b.name ? -1 : 1;
}

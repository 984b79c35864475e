import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../../client/metadata-page-token.ts';
import { byListing, listingCursor } from '../../../client/repo-listing-order.ts';
import type { Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { invalid } from '../request-fields.ts';
import type { StateReader } from '../state.ts';
import { deletedRepoRange, repoRange } from '../state-keys.ts';
import { decodeRepo } from '../state-records.ts';

/** Longest prefix that a repository's name can have: 8 segments of 100 characters. */
const prefixCharactersMax = 807;

/** Most partitions that a cluster can have, and so a request can name. */
const partitionsMax = 65_536;

/**
 * MetadataService.ListRepos: repositories of the named partitions, by name; those of one partition as of one moment.
 * NOT_PRIMARY when this node does not serve one of them: a list that left it out would say that its repositories are gone.
 */
export function listRepos({
  partitions: access,
  clock,
}: Pick<MetadataModules, 'partitions' | 'clock'>): MetadataHandlers['listRepos'] {
  return async ({ prefix, pageSize, pageToken, partitions, deleted }) => {
    if (prefix.length > prefixCharactersMax) {
      throw invalid('prefix', `prefix has ${prefix.length} characters`, `at most ${prefixCharactersMax}`);
    }
    if (partitions.length === 0 || partitions.length > partitionsMax) {
      throw invalid('partitions', `${partitions.length} partitions are named`, `1 to ${partitionsMax}`);
    }
    const size = pageSizeOf(pageSize);
    const after = decodePageToken(pageToken);
    const nowMs = BigInt(clock.nowMs());
    // One more than the page tells whether there is another.
    const limit = size + 1;
    const read = (state: StateReader) =>
      deleted ? readDeleted(state, prefix, after, nowMs).slice(0, limit) : readNamed(state, prefix, after, limit);
    const found = [...new Set(partitions)].flatMap((partition) => access.read(partition, read));
    const repos = found.sort(byListing).slice(0, size);
    const last = repos.at(-1);
    const hasMore = found.length > size && last !== undefined;
    return { repos, nextPageToken: hasMore ? encodePageToken(listingCursor(last)) : '' };
  };
}

function readNamed(state: StateReader, prefix: string, after: string, limit: number): Repo[] {
  return [...state.range({ ...repoRange(prefix, after), limit })].map(({ value }) => decodeRepo(value).repo);
}

/** They are kept by id: all are looked at, which are those of some days. */
function readDeleted(state: StateReader, prefix: string, after: string, nowMs: bigint): Repo[] {
  return [...state.range(deletedRepoRange)]
    .map(({ value }) => decodeRepo(value))
    .filter(({ repo, purging }) => !purging && (repo.purgeAtMs ?? 0n) > nowMs && repo.name.startsWith(prefix))
    .map(({ repo }) => repo)
    .filter((repo) => after === '' || listingCursor(repo) > after)
    .sort(byListing);
}

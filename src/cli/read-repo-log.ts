import type { MetadataApi } from '../client/metadata-api.ts';
import type { RepoLogEntry } from '../rpc/gen/stratum/v1/metadata.ts';

/** The most that the service gives in one answer. */
const pageSizeMax = 1_000;

/** Which changes to read. */
export interface RepoLogQuery {
  readonly repo: string;
  /** Only changes of this ref; empty for all. */
  readonly ref: string;
  readonly limit: number;
  /** From an earlier reading; empty for the newest. */
  readonly pageToken: string;
}

/** The changes that were asked for, newest first, and where to go on; empty at the end. */
export interface RepoLogRead {
  readonly entries: readonly RepoLogEntry[];
  readonly nextPageToken: string;
}

/** Reads the log of a repository page after page; a page may be empty and yet not the last. */
export async function readRepoLog(metadata: MetadataApi, query: RepoLogQuery): Promise<RepoLogRead> {
  const { repo, ref, limit } = query;
  const entries: RepoLogEntry[] = [];
  let { pageToken } = query;
  do {
    const pageSize = Math.min(pageSizeMax, limit - entries.length);
    const page = await metadata.getRepoLog({ repo, ref, pageSize, pageToken });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && entries.length < limit);
  return { entries, nextPageToken: pageToken };
}

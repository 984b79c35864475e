import type { Source, Unreachable } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';
import type { RepoCheckItem } from '../repo-check/repo-checker.ts';

interface CheckRow {
  readonly repo: string;
  /** What it is about; empty for the repository as a whole. */
  readonly subject: string;
  readonly verdict: string;
  readonly detail: string;
}

/** Checked repositories: a row for each, and under it one for each thing that is wrong. */
export function repoCheckListing(
  batches: AsyncIterable<readonly RepoCheckItem[]>,
  source: Source,
  unreachable: () => readonly Unreachable[],
): StreamedListing<RepoCheckItem, CheckRow> {
  return {
    kind: 'RepoCheckList',
    source,
    batches,
    rowsOf: ({ name: repo, verdict, refCount, packCount, blobCount, problems }) => {
      const detail = `${refCount} refs, ${packCount} packs, ${blobCount} blobs, ${problems.length} problems`;
      const each = problems.map((problem) => {
        return { repo, subject: problem.subject, verdict: problem.verdict, detail: problem.detail };
      });
      return [{ repo, subject: '', verdict, detail }, ...each];
    },
    columns: [
      { header: 'repository', value: ({ repo }) => repo },
      { header: 'subject', value: ({ subject }) => subject },
      { header: 'verdict', value: ({ verdict }) => verdict },
      { header: 'detail', value: ({ detail }) => detail },
    ],
    name: ({ name }) => `repo/${name}`,
    unreachable,
    emptyText: 'there is no repository to check',
  };
}

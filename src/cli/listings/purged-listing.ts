import { formatBytes } from '../../base/units.ts';
import type { Purged } from '../../client/frontend-api.ts';
import type { Listing, Source, Unreachable } from '../output/envelope.ts';

/** What a frontend has dropped, or would drop, in JSON. */
export interface PurgedItem extends Purged {
  readonly nodeId: string;
}

/** What each frontend has dropped, and what they would with --dry-run. */
export function purgedListing(
  items: readonly PurgedItem[],
  source: Source,
  unreachable: readonly Unreachable[],
  dryRun: boolean,
): Listing<PurgedItem> {
  return {
    kind: 'PurgedList',
    source,
    items,
    rows: items,
    columns: [
      { header: 'frontend', value: ({ nodeId }) => nodeId },
      { header: 'entries', value: ({ entries }) => entries, right: true },
      { header: 'size', value: ({ entryBytes }) => formatBytes(entryBytes), right: true },
      { header: 'repos', value: ({ repositories }) => repositories, right: true },
      { header: 'repo-size', value: ({ repositoryBytes }) => formatBytes(repositoryBytes), right: true },
    ],
    name: ({ nodeId }) => `cache/${nodeId}`,
    unreachable,
    extra: { dryRun },
  };
}

/** What several frontends have dropped, in words. */
export function purgedText(items: readonly PurgedItem[]): string {
  const sum = (value: (item: PurgedItem) => number) => items.reduce((total, item) => total + value(item), 0);
  const entries = `${sum((item) => item.entries)} responses (${formatBytes(sum((item) => item.entryBytes))})`;
  const repositories = sum((item) => item.repositories);
  if (repositories === 0) return entries;
  return `${entries} and ${repositories} cached repositories (${formatBytes(sum((item) => item.repositoryBytes))})`;
}

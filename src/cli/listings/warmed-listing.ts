import { formatBytes } from '../../base/units.ts';
import type { Source, Unreachable } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

/** A response that a frontend has stored, or would make, in JSON. */
export interface WarmedItem {
  readonly repo: string;
  readonly ref: string;
  readonly objectId: string;
  readonly nodeId: string;
  /** It was there before, it was made, or (--dry-run) it would be. */
  readonly result: 'stored' | 'prepared' | 'would-prepare';
  /** Null where it was not made. */
  readonly sizeBytes: number | null;
}

/** Responses as they are prepared. */
export function warmedListing(
  batches: AsyncIterable<readonly WarmedItem[]>,
  source: Source,
  unreachable: () => readonly Unreachable[],
  dryRun: boolean,
): StreamedListing<WarmedItem> {
  return {
    kind: 'WarmedList',
    source,
    batches,
    rowsOf: (item) => [item],
    columns: [
      { header: 'repository', value: ({ repo }) => repo },
      { header: 'ref', value: ({ ref }) => ref },
      { header: 'object', value: ({ objectId }) => objectId.slice(0, 12) },
      { header: 'frontend', value: ({ nodeId }) => nodeId },
      { header: 'result', value: ({ result }) => result },
      { header: 'size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatBytes(sizeBytes)), right: true },
    ],
    name: ({ ref }) => `ref/${ref}`,
    unreachable,
    extra: { dryRun },
  };
}

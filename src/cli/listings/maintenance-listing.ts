import { formatBytes } from '../../base/units.ts';
import type { MaintenanceProgress } from '../../client/frontend-api.ts';
import type { Source } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

/** What became of the repacking of a repository, in JSON. */
export interface MaintenanceItem {
  readonly name: string;
  /** The frontend that does it. */
  readonly nodeId: string;
  /** The last step that was seen; "done" unless --detach left before. */
  readonly step: string;
  readonly detail: string;
  /** Whether the pack list was changed, or would be; null while it goes on. So are the counts and sizes. */
  readonly changed: boolean | null;
  readonly packsBefore: number | null;
  readonly packsAfter: number | null;
  readonly bytesBefore: number | null;
  readonly bytesAfter: number | null;
}

/** The JSON form of the last step that was seen. */
export function maintenanceItem(name: string, nodeId: string, last: MaintenanceProgress): MaintenanceItem {
  const { step, text: detail, done, changed, packsBefore, packsAfter, bytesBefore, bytesAfter } = last;
  const known = done
    ? { changed, packsBefore, packsAfter, bytesBefore, bytesAfter }
    : { changed: null, packsBefore: null, packsAfter: null, bytesBefore: null, bytesAfter: null };
  return { name, nodeId, step, detail, ...known };
}

/** Repositories as their repacking ends. */
export function maintenanceListing(
  batches: AsyncIterable<readonly MaintenanceItem[]>,
  source: Source,
  dryRun: boolean,
): StreamedListing<MaintenanceItem> {
  return {
    kind: 'MaintenanceList',
    source,
    batches,
    rowsOf: (item) => [item],
    columns: [
      { header: 'repository', value: ({ name }) => name },
      { header: 'step', value: ({ step }) => step },
      { header: 'changed', value: ({ changed }) => changed ?? '' },
      { header: 'packs', value: ({ packsBefore, packsAfter }) => change(packsBefore, packsAfter, String) },
      { header: 'size', value: ({ bytesBefore, bytesAfter }) => change(bytesBefore, bytesAfter, formatBytes) },
      { header: 'detail', value: ({ detail }) => detail },
      { header: 'frontend', value: ({ nodeId }) => nodeId, wide: true },
    ],
    name: ({ name }) => `repo/${name}`,
    unreachable: () => [],
    extra: { dryRun },
    emptyText: 'there is no repository',
  };
}

function change(before: number | null, after: number | null, format: (value: number) => string): string {
  if (before === null || after === null) return '';
  return before === after ? format(after) : `${format(before)} -> ${format(after)}`;
}

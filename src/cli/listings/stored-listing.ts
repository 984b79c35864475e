import { formatBytes } from '../../base/units.ts';
import type { Source } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';
import type { StoredFile } from '../put-files.ts';

/** Files that were stored, and on which nodes. */
export function storedListing(
  stored: AsyncIterable<readonly StoredFile[]>,
  source: Source,
): StreamedListing<StoredFile> {
  return {
    kind: 'Blob',
    source,
    batches: stored,
    rowsOf: (item) => [item],
    columns: [
      { header: 'oid', value: ({ oid }) => oid },
      { header: 'size', value: ({ size }) => formatBytes(size), right: true },
      { header: 'copies', value: ({ achieved, replicas }) => `${achieved}/${replicas.length}` },
      { header: 'nodes', value: ({ replicas }) => replicas.map(({ nodeId }) => nodeId).join(',') },
      { header: 'file', value: ({ file }) => file },
    ],
    name: ({ oid }) => `blob/${oid}`,
    unreachable: () => [],
  };
}

import { formatBytes } from '../../base/units.ts';
import type { Location } from '../locate/locate.ts';
import type { Source, Unreachable } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

/** Blobs with fewer good copies than they should have, and which nodes lack them. */
export function missingListing(
  found: AsyncIterable<readonly Location[]>,
  source: Source,
  unreachable: () => readonly Unreachable[],
): StreamedListing<Location> {
  return {
    kind: 'UnderReplicatedBlobList',
    source,
    batches: found,
    rowsOf: (location) => [location],
    columns: [
      { header: 'blob', value: ({ oid }) => oid },
      { header: 'copies', value: copiesOf },
      { header: 'lacking', value: lackingOf },
      { header: 'verdict', value: ({ verdict }) => verdict },
      { header: 'size', value: ({ size }) => formatBytes(size), right: true },
    ],
    name: ({ oid }) => `blob/${oid}`,
    unreachable,
    emptyText: 'no blob lacks a copy',
  };
}

function copiesOf({ replicas }: Location): string {
  return `${replicas.filter(({ presence }) => presence === 'present').length}/${replicas.length}`;
}

function lackingOf({ replicas }: Location): string {
  return replicas
    .filter(({ presence }) => presence !== 'present')
    .map(({ nodeId, presence }) => `${nodeId} (${presence})`)
    .join(', ');
}

import { formatBytes } from '../../base/units.ts';
import type { VerifiedLocation, VerifiedReplica } from '../locate/heal.ts';
import type { Source, Unreachable } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

interface VerifiedRow {
  readonly location: VerifiedLocation;
  readonly replica: VerifiedReplica;
}

/** Blobs whose copies were hashed, a row for each copy: what was found, and what was done about it. */
export function verifiedListing(
  found: AsyncIterable<readonly VerifiedLocation[]>,
  source: Source,
  unreachable: () => readonly Unreachable[],
): StreamedListing<VerifiedLocation, VerifiedRow> {
  return {
    kind: 'VerifiedBlobList',
    source,
    batches: found,
    rowsOf: (location) => location.replicas.map((replica) => ({ location, replica })),
    columns: [
      { header: 'blob', value: ({ location }) => location.oid },
      { header: 'node', value: ({ replica }) => replica.nodeId },
      { header: 'found', value: ({ replica }) => replica.found },
      { header: 'treatment', value: ({ replica }) => replica.treatment },
      { header: 'verdict', value: ({ location }) => location.verdict },
      { header: 'error', value: ({ replica }) => replica.error },
      { header: 'size', value: ({ location }) => formatBytes(location.size), wide: true, right: true },
      { header: 'state', value: ({ replica }) => replica.state, wide: true },
      { header: 'address', value: ({ replica }) => replica.address, wide: true },
    ],
    name: ({ oid }) => `blob/${oid}`,
    unreachable,
    emptyText: 'nothing is wrong',
  };
}

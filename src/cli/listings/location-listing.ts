import { formatBytes } from '../../base/units.ts';
import type { Location } from '../locate/locate.ts';
import type { Replica } from '../locate/replica.ts';
import { UnreachableReplicas } from '../locate/unreachable-replicas.ts';
import type { Column, Source } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

/** One replica of one location. */
export interface LocationRow {
  readonly location: Location;
  readonly replica: Replica;
  /** 1 for the first choice. */
  readonly order: number;
}

const holds = ({ presence, error }: Replica) => (error === '' ? presence : `${presence} (${error})`);

const columns: readonly Column<LocationRow>[] = [
  { header: 'blob', value: ({ location }) => location.oid },
  { header: 'order', value: ({ order }) => order, right: true },
  { header: 'node', value: ({ replica }) => replica.nodeId },
  { header: 'state', value: ({ replica }) => replica.state },
  { header: 'address', value: ({ replica }) => replica.address },
  { header: 'holds', value: ({ replica }) => holds(replica) },
  { header: 'verdict', value: ({ location }) => location.verdict },
  { header: 'size', value: ({ location }) => formatBytes(location.size), wide: true, right: true },
  { header: 'stored', value: ({ replica }) => replica.storedAt, wide: true },
  { header: 'repository', value: ({ location }) => location.repo, wide: true },
  { header: 'pack', value: ({ location }) => location.pack, wide: true },
];

/** Locations with a row for each replica, in order of preference, as they are found. */
export function locationListing(
  kind: string,
  found: AsyncIterable<readonly Location[]>,
  source: Source,
): StreamedListing<Location, LocationRow> {
  const unreachable = new UnreachableReplicas();
  return {
    kind,
    source,
    batches: unreachable.watch(found),
    rowsOf: (location) => location.replicas.map((replica, index) => ({ location, replica, order: index + 1 })),
    columns,
    name: ({ oid }) => `blob/${oid}`,
    unreachable: () => unreachable.list(),
    // Blobs of the same nodes share the list of them as long as nobody was asked.
    stencil: ({ id, oid, pack, verdict, replicas }) =>
      id === oid && pack === '' && verdict === '' ? { key: replicas, text: oid } : undefined,
  };
}

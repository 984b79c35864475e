import { formatBytes } from '../../base/units.ts';
import type { Location } from '../locate/locate.ts';
import type { Replica } from '../locate/replica.ts';
import type { Listing, Source, Unreachable } from '../output/envelope.ts';

/** One replica of one location. */
export interface LocationRow {
  readonly location: Location;
  readonly replica: Replica;
  /** 1 for the first choice. */
  readonly order: number;
}

/** Locations with a row for each replica, in order of preference. */
export function locationListing(
  kind: string,
  locations: readonly Location[],
  source: Source,
): Listing<Location, LocationRow> {
  const rows = locations.flatMap((location) =>
    location.replicas.map((replica, index) => ({ location, replica, order: index + 1 })),
  );
  const holds = ({ presence, error }: Replica) => (error === '' ? presence : `${presence} (${error})`);
  return {
    kind,
    source,
    items: locations,
    rows,
    columns: [
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
    ],
    name: ({ oid }) => `blob/${oid}`,
    unreachable: unreachableNodes(rows),
  };
}

function unreachableNodes(rows: readonly LocationRow[]): Unreachable[] {
  const found = new Map<string, string>();
  for (const { replica } of rows) {
    if (replica.presence === 'unreachable') found.set(replica.nodeId, replica.error);
  }
  return [...found].map(([node, reason]) => ({ node, reason }));
}

import { HashRing, type RingRange, virtualNodeCount } from '../../topology/hash-ring.ts';
import { ringShares } from '../../topology/ring-shares.ts';
import type { TopologySnapshot } from '../connection.ts';
import type { Listing } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';
import { percent } from '../percent.ts';

/** A member of the ring. */
export interface RingMemberItem {
  readonly nodeId: string;
  readonly state: string;
  readonly zone: string;
  readonly weight: number;
  readonly virtualNodes: number;
  /** Share of all blobs, 0 to 1, of which it is the first choice. */
  readonly primaryShare: number;
  /** Share of all blobs, 0 to 1, of which it holds a replica. */
  readonly replicaShare: number;
}

/** The positions from behind one virtual node up to the next, and whose they are. */
export interface RingRangeItem {
  /** Position, exclusive. */
  readonly after: bigint;
  /** Position, inclusive. */
  readonly upTo: bigint;
  /** Of all positions, 0 to 1. */
  readonly share: number;
  readonly nodeIds: readonly string[];
}

/** Ranges that are printed at a time. */
const rangesPerBatch = 5_000;

/** The ring's members with their shares. */
export function ringListing({ topology, source }: TopologySnapshot): Listing<RingMemberItem> {
  const { ring, nodes } = topology;
  const shares = ringShares(ring);
  const items = ring.nodes.map((member) => {
    const { nodeId, zone, weight } = member;
    const { primary = 0, replica = 0 } = shares.get(nodeId) ?? {};
    const state = nodes.get(nodeId)?.state ?? 'UNKNOWN';
    const virtualNodes = virtualNodeCount(ring, member);
    return { nodeId, state, zone, weight, virtualNodes, primaryShare: primary, replicaShare: replica };
  });
  return {
    kind: 'Ring',
    source,
    items,
    rows: items,
    columns: [
      { header: 'node', value: ({ nodeId }) => nodeId },
      { header: 'state', value: ({ state }) => state },
      { header: 'zone', value: ({ zone }) => zone },
      { header: 'weight', value: ({ weight }) => weight, right: true },
      { header: 'virtual nodes', value: ({ virtualNodes }) => virtualNodes, right: true },
      { header: 'blobs', value: ({ replicaShare }) => percent(replicaShare), right: true },
      { header: 'first choice', value: ({ primaryShare }) => percent(primaryShare), right: true },
    ],
    name: ({ nodeId }) => `node/${nodeId}`,
    extra: { ring: ringFacts({ topology }) },
    emptyText: 'no ring has been formed yet',
  };
}

/** Every range of the ring, by position. */
export function rangeListing({ topology, source }: TopologySnapshot): StreamedListing<RingRangeItem> {
  return {
    kind: 'RingRangeList',
    source,
    batches: batchesOf(HashRing.of(topology.ring)),
    rowsOf: (item) => [item],
    columns: [
      { header: 'after', value: ({ after }) => after, right: true },
      { header: 'up to', value: ({ upTo }) => upTo, right: true },
      { header: 'share', value: ({ share }) => percent(share, 4), right: true },
      { header: 'nodes', value: ({ nodeIds }) => nodeIds.join(',') },
    ],
    name: ({ upTo }) => `range/${upTo}`,
    unreachable: () => [],
    extra: { ring: ringFacts({ topology }) },
    emptyText: 'no ring has been formed yet',
  };
}

function ringFacts({ topology: { ring } }: Pick<TopologySnapshot, 'topology'>): object {
  const { epoch, replicationFactor, writeQuorum, virtualNodes, nodes } = ring;
  const entries = nodes.reduce((sum, member) => sum + virtualNodeCount(ring, member), 0);
  return { epoch, replicationFactor, writeQuorum, virtualNodes, members: nodes.length, entries };
}

async function* batchesOf(ring: HashRing): AsyncGenerator<readonly RingRangeItem[]> {
  // The first range begins behind the last entry: the ring is a circle.
  let after = lastPosition(ring);
  let batch: RingRangeItem[] = [];
  for (const { position, share, placement } of ring.ranges()) {
    batch.push({ after, upTo: position, share, nodeIds: placement });
    after = position;
    if (batch.length < rangesPerBatch) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

function lastPosition(ring: HashRing): bigint {
  let last: RingRange | undefined;
  for (const range of ring.ranges()) last = range;
  return last?.position ?? 0n;
}

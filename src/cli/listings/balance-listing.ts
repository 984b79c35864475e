import { formatBytes } from '../../base/units.ts';
import type { MemberBalance, RingBalance } from '../../topology/ring-balance.ts';
import type { TopologySnapshot } from '../connection.ts';
import type { Listing } from '../output/envelope.ts';
import { percent } from '../percent.ts';
import type { HeartbeatsRead } from '../read-heartbeats.ts';

/** A member's share of the ring beside what it stores. */
export interface BalanceItem extends MemberBalance {
  /** By the latest heartbeat; null where there is none. */
  readonly storedBytes: number | null;
  readonly blobCount: number | null;
  /** storedBytes over what all members store together, times the copies of a blob: comparable with `share`. */
  readonly storedShare: number | null;
}

/** Members by how loaded they are, the most loaded first. */
export function balanceListing(
  { topology, source }: TopologySnapshot,
  balance: RingBalance,
  { heartbeats, unreachable }: HeartbeatsRead,
): Listing<BalanceItem> {
  const { members, maxOverMean, standardDeviation } = balance;
  const storedBytes = (nodeId: string) => heartbeats.get(nodeId)?.storedBytes ?? null;
  const total = members.reduce((sum, { nodeId }) => sum + (storedBytes(nodeId) ?? 0), 0);
  const copies = members.reduce((sum, { share }) => sum + share, 0);
  const items = members
    .map((member): BalanceItem => {
      const stored = storedBytes(member.nodeId);
      const storedShare = stored === null || total === 0 ? null : (copies * stored) / total;
      const blobCount = heartbeats.get(member.nodeId)?.blobCount ?? null;
      return { ...member, storedBytes: stored, blobCount, storedShare };
    })
    .sort((a, b) => b.ratio - a.ratio);
  return {
    kind: 'RingBalance',
    source,
    items,
    rows: items,
    columns: [
      { header: 'node', value: ({ nodeId }) => nodeId },
      { header: 'weight', value: ({ weight }) => weight, right: true },
      { header: 'share', value: ({ share }) => percent(share, 2), right: true },
      { header: 'ideal', value: ({ idealShare }) => percent(idealShare, 2), right: true },
      { header: 'ratio', value: ({ ratio }) => ratio.toFixed(3), right: true },
      { header: 'stored', value: ({ storedBytes: bytes }) => (bytes === null ? '-' : formatBytes(bytes)), right: true },
      { header: 'stored share', value: ({ storedShare: of }) => (of === null ? '-' : percent(of, 2)), right: true },
      { header: 'zone', value: ({ zone }) => zone, wide: true },
      { header: 'blobs', value: ({ blobCount }) => blobCount ?? '-', wide: true, right: true },
    ],
    name: ({ nodeId }) => `node/${nodeId}`,
    unreachable,
    extra: { balance: { ringEpoch: topology.ring.epoch, maxOverMean, standardDeviation } },
    emptyText: 'no ring has been formed yet',
  };
}

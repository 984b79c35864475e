import { formatBytes, formatDuration } from '../../base/units.ts';
import type { MemberBalance, RingBalance } from '../../topology/ring-balance.ts';
import type { NodeHeartbeat, TopologySnapshot } from '../connection.ts';
import type { Listing, Unreachable } from '../output/envelope.ts';
import { percent } from '../percent.ts';
import type { HeartbeatsRead } from '../read-heartbeats.ts';

/** A member's share of the ring beside what it stores. */
export interface BalanceItem extends MemberBalance {
  /** Milliseconds since the heartbeat that says what is stored; null where there is none. */
  readonly statsAgeMs: number | null;
  /** As of then. */
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
  const silent = unreachable.length > 0 ? [] : members.flatMap(({ nodeId }) => silence(nodeId, heartbeats.get(nodeId)));
  const storedBytes = (nodeId: string) => heartbeats.get(nodeId)?.storedBytes ?? null;
  const total = members.reduce((sum, { nodeId }) => sum + (storedBytes(nodeId) ?? 0), 0);
  const copies = members.reduce((sum, { share }) => sum + share, 0);
  const items = members
    .map((member): BalanceItem => {
      const stored = storedBytes(member.nodeId);
      const storedShare = stored === null || total === 0 ? null : (copies * stored) / total;
      const { blobCount = null, ageMs: statsAgeMs = null } = heartbeats.get(member.nodeId) ?? {};
      return { ...member, statsAgeMs, storedBytes: stored, blobCount, storedShare };
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
      {
        header: 'stats age',
        value: ({ statsAgeMs }) => (statsAgeMs === null ? '-' : formatDuration(statsAgeMs)),
        wide: true,
      },
      { header: 'zone', value: ({ zone }) => zone, wide: true },
      { header: 'blobs', value: ({ blobCount }) => blobCount ?? '-', wide: true, right: true },
    ],
    name: ({ nodeId }) => `node/${nodeId}`,
    unreachable: [...unreachable, ...silent],
    extra: { balance: { ringEpoch: topology.ring.epoch, maxOverMean, standardDeviation } },
    emptyText: 'no ring has been formed yet',
  };
}

/** What is to be said of a member whose heartbeats have ceased, or never came: its figures are not today's. */
function silence(nodeId: string, heartbeat: NodeHeartbeat | undefined): Unreachable[] {
  if (heartbeat === undefined) return [{ node: nodeId, reason: 'no heartbeat of it is known' }];
  if (heartbeat.ageMs < heartbeat.suspectTimeoutMs) return [];
  const age = formatDuration(heartbeat.ageMs);
  return [{ node: nodeId, reason: `no heartbeat for ${age}; what it stores is as of then` }];
}

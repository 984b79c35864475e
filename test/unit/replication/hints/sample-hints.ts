import { oidOf } from '../../../../src/base/oid.ts';
import type { GapReason, NotedGap } from '../../../../src/replication/replica-gaps.ts';

/** A gap of a blob that differs by its seed. */
export function gapAt(nodeId: string, seed: number, size = 100, reason: GapReason = 'MISSED_WRITE'): NotedGap {
  return { oid: oidOf(Buffer.from(`blob ${seed}`)), size, nodeId, reason };
}

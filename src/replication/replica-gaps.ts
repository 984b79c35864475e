import type { Oid } from '../base/oid.ts';

/** One of a blob's own nodes that lacks a good copy, while the blob is held elsewhere. */
export interface ReplicaGap {
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
  readonly nodeId: string;
}

/** How a gap was learned of. */
export type GapReason = 'MISSED_WRITE' | 'MISSING' | 'CORRUPT';

/** A gap and how it was learned of: a CORRUPT copy is believed to be sound only after its node has hashed it. */
export interface NotedGap extends ReplicaGap {
  readonly reason: GapReason;
  /**
   * Milliseconds since the Unix epoch at which it was last learned of. A write that is missed renews the
   * age of a blob too: of a MISSED_WRITE, a copy that is older than this has missed it.
   */
  readonly notedAtMs?: number;
}

/** What asks more of a node's copy comes later: that it is there, that it is of this age, that it is sound. */
const demands: readonly GapReason[] = ['MISSING', 'MISSED_WRITE', 'CORRUPT'];

/** The reason that is kept of a gap that was learned of in two ways. */
export function strongerReason(one: GapReason, other: GapReason): GapReason {
  return demands.indexOf(one) < demands.indexOf(other) ? other : one;
}

/** Told by writers and readers of gaps, to have them closed later. Never throws, never waits. */
export interface GapSink {
  note(gap: ReplicaGap, reason: GapReason): void;
}

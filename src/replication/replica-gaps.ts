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
}

/** Told by writers and readers of gaps, to have them closed later. Never throws, never waits. */
export interface GapSink {
  note(gap: ReplicaGap, reason: GapReason): void;
}

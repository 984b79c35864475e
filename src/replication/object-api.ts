import type { NodeFailure } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { BlobSource } from './blob-source.ts';
import type { BlobStream, ByteRange } from './node-io.ts';

/** How many replicas must succeed. */
export type ConsistencyLevel = 'ONE' | 'QUORUM' | 'ALL';

/** Options of a quorum call. */
export interface QuorumCallOptions {
  /** QUORUM unless given. */
  readonly level?: ConsistencyLevel;
  /** Milliseconds for the whole call; the implementation has a default that grows with the size. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What is known of a write when enough replicas have it. */
export interface PutOutcome {
  readonly oid: Oid;
  readonly required: number;
  /** Durable copies at the moment of the answer. */
  readonly achieved: number;
  /** Nodes that had failed by then. */
  readonly failures: readonly NodeFailure[];
  /** Fewer than N nodes were reachable, or one has failed already. */
  readonly degraded: boolean;
  /** Resolves, never rejects, when the remaining writes have ended too; the source may be dropped then. */
  readonly settled: Promise<{ readonly succeeded: number; readonly failures: readonly NodeFailure[] }>;
}

/** The replicated blob store as frontends and commands see it. */
export interface ObjectApi {
  /** Durable on `required` of the blob's own nodes when it resolves; INSUFFICIENT_REPLICAS otherwise. */
  put(source: BlobSource, options?: QuorumCallOptions): Promise<PutOutcome>;
  /**
   * Reads from one replica after another, going on in mid-stream where one fails. A whole blob is
   * verified: the iteration ends with CHECKSUM_MISMATCH instead of its end when the bytes are wrong,
   * so a consumer must not use them before the iteration has ended. BLOB_NOT_FOUND only when
   * enough nodes said so.
   */
  get(oid: Oid, range?: ByteRange, options?: QuorumCallOptions): Promise<BlobStream>;
}

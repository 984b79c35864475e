import type { NodeFailure, StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { SmallBlob } from '../store/blob-store.ts';
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

/** What is known of one of many writes when enough replicas have it. */
export interface PutManyFate {
  readonly required: number;
  readonly achieved: number;
  readonly degraded: boolean;
}

/** What became of many small blobs. */
export interface PutManyOutcome {
  /** For each blob, in order: what PutOutcome says, or INSUFFICIENT_REPLICAS and the like. */
  readonly fates: readonly (PutManyFate | StratumError)[];
  /** Resolves, never rejects, when the remaining writes have ended too. */
  readonly settled: Promise<void>;
}

/** The replicated blob store as frontends and commands see it. */
export interface ObjectApi {
  /**
   * Durable on `required` of the blob's own nodes when it resolves; INSUFFICIENT_REPLICAS otherwise, NOT_READY
   * without a ring. The signal ends it until then, and not what goes on in the background.
   */
  put(source: BlobSource, options?: QuorumCallOptions): Promise<PutOutcome>;
  /**
   * Reads from one replica after another, going on in mid-stream where one fails. A whole blob is
   * verified: the iteration ends with CHECKSUM_MISMATCH instead of its end when the bytes are wrong,
   * so a consumer must not use them before the iteration has ended. BLOB_NOT_FOUND only when
   * enough nodes said so.
   */
  get(oid: Oid, range?: ByteRange, options?: QuorumCallOptions): Promise<BlobStream>;
}

/** Many small blobs at a time: a call for each would cost more than its content. */
export interface SmallObjectApi {
  /**
   * Stores small blobs, each of at most `smallBlobBytesMax` bytes and at `required` of its own nodes;
   * resolves when all are decided. One blob's failure is its own; INVALID_ARGUMENT for one that is
   * larger. Contents must hash to their ids, which the nodes check. Rejects only when nothing was
   * sent: NOT_READY without a ring, or the signal's reason.
   */
  putMany(blobs: readonly SmallBlob[], options?: QuorumCallOptions): Promise<PutManyOutcome>;
  /** Small blobs, verified, in the order of the questions; for each the content, or why there is none. */
  getMany(oids: readonly Oid[], options?: QuorumCallOptions): Promise<readonly (Buffer | StratumError)[]>;
}

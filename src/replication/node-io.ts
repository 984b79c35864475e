import type { Oid } from '../base/oid.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../store/blob-store.ts';
import type { BlobSource } from './blob-source.ts';

/** The fence that travels with every write. */
export interface Fence {
  readonly term: bigint;
  readonly ringEpoch: bigint;
}

/** Every call to a node has a deadline; the signal ends it earlier. */
export interface NodeCallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** What one node can say of one blob. */
export interface BlobPresenceReport {
  readonly oid: Oid;
  readonly presence: 'PRESENT' | 'MISSING' | 'CORRUPT' | 'UNKNOWN';
  /** Bytes; 0 when it is not held. */
  readonly size: number;
  /** Milliseconds since the Unix epoch of the last put; 0 when it is not held. */
  readonly storedAtMs: number;
}

/** A range of a blob in bytes; a missing length reaches to the end. */
export interface ByteRange {
  readonly offset: number;
  readonly length?: number;
}

/** A blob that is being read: its whole size, and the bytes of the range. */
export interface BlobStream {
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly chunks: AsyncIterable<Buffer>;
}

/** Writes blobs to one node. Errors are StratumErrors; a resolved put is durable there. */
export interface NodeWriter {
  readonly nodeId: string;
  /** host:port, or "in-process". */
  readonly endpoint: string;
  put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }>;
  /**
   * Stores small blobs, each of at most `smallBlobBytesMax` bytes; a fate for each, in order. Rejects
   * only when nothing can be said of any of them.
   */
  putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]>;
}

/** Reads blobs of one node. */
export interface NodeReader {
  readonly nodeId: string;
  /** host:port, or "in-process". */
  readonly endpoint: string;
  /** BLOB_NOT_FOUND when the node does not have it. Bytes are as the node sent them: the caller verifies. */
  get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream>;
  /**
   * Small blobs, an answer for each in the order of the questions. Contents are as the node sent them:
   * the caller verifies. TOO_LARGE for a blob of more than `smallBlobBytesMax` bytes.
   */
  getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]>;
  /** Answers in the order of the questions; `verify` makes the node hash its copies. */
  has(oids: readonly Oid[], verify: boolean, options: NodeCallOptions): Promise<readonly BlobPresenceReport[]>;
}

import type { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';

/** What a store can say of a blob: CORRUPT for a copy that is damaged or lost, UNKNOWN when it cannot say. */
export type BlobPresence = 'PRESENT' | 'MISSING' | 'CORRUPT' | 'UNKNOWN';

/** A stored blob. */
export interface BlobInfo {
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch of the last put. */
  readonly storedAtMs: number;
}

/** A blob whose content is in memory. */
export interface SmallBlob {
  readonly oid: Oid;
  readonly content: Buffer;
}

/** What became of one blob of many: stored, or why not. */
export type PutFate = { readonly existed: boolean } | StratumError;

/** One blob of many that were asked for: its content when it is PRESENT. */
export type SmallBlobAnswer =
  | { readonly presence: 'PRESENT'; readonly content: Buffer }
  | { readonly presence: Exclude<BlobPresence, 'PRESENT'> };

/** A blob of a listing: known without reading its content. */
export interface ListedBlob extends BlobInfo {
  /** From a store PRESENT, or CORRUPT for a copy that is known to be damaged; over the wire also what its reader does not know. */
  readonly presence: BlobPresence;
}

/** A page of blobs by position. */
export interface BlobPage {
  readonly entries: readonly ListedBlob[];
  /** For the next page; undefined after the last. */
  readonly nextCursor: Oid | undefined;
}

/** Counts and sizes; bytes. */
export interface BlobStoreStats {
  readonly blobCount: number;
  readonly storedBytes: number;
  readonly quarantinedCount: number;
  readonly freeBytes: number;
  readonly capacityBytes: number;
}

/** The bytes of a blob on their way into a store or out of it. */
export interface BlobChunks<Chunk extends Uint8Array = Buffer> extends AsyncIterable<Chunk> {
  /**
   * Takes a chunk back that nobody looks at any more, so that its memory can be used again. Who keeps its chunks
   * calls it for none.
   */
  release?(chunk: Chunk): void;
}

/** Blobs of one node, each named by the SHA-256 of its content. */
export interface BlobStore {
  /**
   * Stores a blob from its chunks, without holding it in memory; resolves when it is on disk.
   * CHECKSUM_MISMATCH when the content does not hash to `oid`, INVALID_ARGUMENT when it is not
   * `size` bytes long, DISK_FULL; nothing is kept then. A blob that exists is read to its end,
   * checked all the same, and has its age renewed.
   */
  put(oid: Oid, size: number, chunks: BlobChunks<Uint8Array>): Promise<{ readonly existed: boolean }>;
  /**
   * Stores small blobs as `put` does each of them, in as few commits as it can; resolves with a fate
   * for each, in order, when all are decided. One blob's failure is its own.
   */
  putMany(blobs: readonly SmallBlob[]): Promise<readonly PutFate[]>;
  /** What is known without reading the content; undefined unless the blob is PRESENT. */
  stat(oid: Oid): Promise<BlobInfo | undefined>;
  /** Whether the blob is held, without reading the content; tells a quarantined copy from none. */
  presence(oid: Oid): Promise<BlobPresence>;
  /**
   * The bytes from `offset` (to `offset + length`) in chunks of at most 1 MiB. BLOB_NOT_FOUND;
   * INVALID_ARGUMENT for an offset beyond the end; CHECKSUM_MISMATCH for a damaged copy, in mid-stream
   * too when the whole blob is read: the last chunk comes only after the check. A deleted blob is
   * readable to its end by who has it open. The chunks must be iterated, or ended with `return`.
   */
  read(oid: Oid, offset?: number, length?: number): Promise<{ readonly size: number; readonly chunks: BlobChunks }>;
  /**
   * Blobs of at most `bytesMax` bytes together, in the order of the questions, checked against flipped
   * bits: a damaged copy is put in quarantine and answered CORRUPT. The check may be a weaker one
   * than SHA-256, which is left to who reads over the network. The contents may share memory: who
   * keeps a few of many keeps a copy. Stops before the blob that would exceed it: fewer answers than questions
   * then, but never none. TOO_LARGE when the first blob alone exceeds it.
   */
  getMany(oids: readonly Oid[], bytesMax: number): Promise<readonly SmallBlobAnswer[]>;
  /** Reads and hashes the copy; a corrupt one is put in quarantine and no longer served. */
  verify(oid: Oid): Promise<BlobPresence>;
  /**
   * Deletes a blob unless it was put at or after `storedBeforeMs` or is being put; false when there
   * was nothing to delete.
   */
  delete(oid: Oid, storedBeforeMs?: number): Promise<boolean>;
  /** Blobs, also those in quarantine, by position from `from` to `to`, both inclusive, wrapping around when `to` is lower. */
  list(from: bigint, to: bigint, cursor: Oid | undefined, pageSize: number): Promise<BlobPage>;
  stats(): Promise<BlobStoreStats>;
  close(): Promise<void>;
}

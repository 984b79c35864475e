import type { Oid } from '../base/oid.ts';

/**
 * Content that can be read more than once, so that each replica is sent to at its own pace and a
 * retry begins anew. A reader that stops early ends the iteration (`return`), which frees what it
 * holds open.
 */
export interface BlobSource {
  /** SHA-256 of the content. */
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
  /**
   * A fresh iteration over the content in chunks of at most 1 MiB. Given `lend`, it may read into what that lends,
   * and then gives chunks of it: whoever opens it may lend a buffer again when it is done with the chunk.
   */
  open(lend?: LendBuffer): AsyncIterable<Buffer>;
}

/** Gives a buffer of `chunkBytes` bytes to read into. */
export type LendBuffer = () => Buffer;

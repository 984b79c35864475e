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
  /** A fresh iteration over the content in chunks of at most 1 MiB. */
  open(): AsyncIterable<Buffer>;
}

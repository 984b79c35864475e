import { type Oid, oidOf } from '../../src/base/oid.ts';

/** How a blob is written. */
export type WriteKind = 'batched' | 'single' | 'large';

/** A blob of a run, and what is known of it. Its content is not kept: its id says what it must be. */
export interface ChaosBlob {
  readonly oid: Oid;
  readonly kind: WriteKind;
  readonly size: number;
  /** Nodes whose own put has succeeded. */
  readonly holders: Set<string>;
  /** The writer was told that enough nodes have it. */
  isAcknowledged: boolean;
}

/** Content that no other number has: the number, and bytes that are cheap to make and differ at every place. */
export function contentOf(number: number, size: number): Buffer {
  const content = Buffer.alloc(size);
  let state = Math.imul(number + 1, 0x9e37_79b1);
  for (let at = 0; at + 4 <= size; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + at;
    content.writeInt32LE(state | 0, at);
  }
  if (size >= 4) content.writeUInt32LE(number, 0);
  return content;
}

export function newBlob(kind: WriteKind, content: Buffer): ChaosBlob {
  return { oid: oidOf(content), kind, size: content.length, holders: new Set(), isAcknowledged: false };
}

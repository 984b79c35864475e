import { KiB } from '../base/units.ts';

/** Bytes that one allocation serves: some thirty blobs of 4 KiB, and no more than that is held by who keeps one. */
const slabBytes = 128 * KiB;

/**
 * Copies small buffers into larger ones that many copies share: an allocation for each costs more
 * than its look-up in LMDB. A slab is free when the last of its copies is.
 */
export class BufferSlab {
  #slab = Buffer.alloc(0);
  #usedBytes = 0;

  /** A copy that nothing overwrites. */
  copyOf(bytes: Buffer): Buffer {
    const { length } = bytes;
    if (this.#usedBytes + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, length));
      this.#usedBytes = 0;
    }
    const from = this.#usedBytes;
    this.#usedBytes += length;
    // The length is given: lmdb-js sets that of a buffer which is in truth longer.
    bytes.copy(this.#slab, from, 0, length);
    return this.#slab.subarray(from, this.#usedBytes);
  }
}

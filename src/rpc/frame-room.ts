import { KiB, MiB } from '../base/units.ts';

/** Buffers kept for the next frames, and the largest of them: together as much as a few messages on their way. */
const keptMax = 4;
const keptBytesMax = 2 * MiB;
const stepBytes = 256 * KiB;

/** A frame below it is not worth keeping memory for. */
const keptBytesMin = 16 * KiB;

/**
 * Memory for large frames that are on their way to the kernel, used again when it has them: a new buffer for
 * each costs the garbage collector more than the copying.
 */
export class FrameRoom {
  /** The smallest first. */
  readonly #kept: Buffer[] = [];

  /** A buffer of exactly so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    if (bytes < keptBytesMin) return Buffer.allocUnsafe(bytes);
    const index = this.#kept.findIndex(({ length }) => length >= bytes);
    const [kept] = index < 0 ? [] : this.#kept.splice(index, 1);
    const whole = kept ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes);
    return whole.subarray(0, bytes);
  }

  /** Nobody uses the buffer any more, which `take` gave. */
  give({ length, buffer }: Buffer): void {
    if (length < keptBytesMin || buffer.byteLength > keptBytesMax) return;
    this.#kept.push(Buffer.from(buffer));
    this.#kept.sort((a, b) => a.length - b.length);
    if (this.#kept.length > keptMax) this.#kept.shift();
  }
}

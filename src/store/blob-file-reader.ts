import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { systemCode } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import { KiB } from '../base/units.ts';
import type { BlobChunks } from './blob-store.ts';
import { damagedCopy } from './checked-content.ts';

/** Bytes of a read: as many as the chunks that go the other way have (chunkBytes in src/rpc/limits.ts), for the same reason. */
const readBytes = 256 * KiB;

/** Buffers that are kept to be filled again: what one reader may have on its way, and the read ahead. */
const freeBuffersMax = 8;

/** What to read of an open blob file. */
export interface BlobFileRange {
  readonly oid: Oid;
  readonly offset: number;
  readonly length: number;
  /** The range is the whole blob: check it, and hold the last chunk back until it is known to be good. */
  readonly whole: boolean;
  /** Each chunk is overwritten after the next was asked for: for who looks at none of them. Saves all that garbage. */
  readonly reusesBuffer?: boolean;
  /** Called once when the file turns out to be damaged, before the error is thrown; the file is still open. */
  readonly onDamaged: (got: string) => Promise<void>;
}

/**
 * Reads a range of an open blob file and closes it at the end, on an error, and on `return`; one of
 * them must come. Not a generator: a generator that was never started would not close the file.
 * The next chunk is read while the last one is looked at.
 */
export class BlobFileReader implements AsyncIterableIterator<Buffer>, BlobChunks {
  readonly #file: FileHandle;
  readonly #range: BlobFileRange;
  readonly #hash: Hash | undefined;
  #position: number;
  #left: number;
  #closed = false;
  /** The read that is under way, or has ended and was not asked for yet. */
  #ahead: Promise<Buffer> | undefined;
  readonly #free: Buffer[] = [];
  #given: Buffer | undefined;

  constructor(file: FileHandle, range: BlobFileRange) {
    this.#file = file;
    this.#range = range;
    this.#hash = range.whole ? createHash('sha256') : undefined;
    this.#position = range.offset;
    this.#left = range.length;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#closed) return { done: true, value: undefined };
    try {
      if (this.#left === 0) {
        // Reached at once by an empty range only: the last chunk closes the file.
        await this.#close();
        return { done: true, value: undefined };
      }
      const chunk = await this.#read();
      if (this.#left === 0) {
        await this.#check();
        await this.#close();
      }
      return { done: false, value: chunk };
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** See BlobChunks. */
  release(chunk: Buffer): void {
    if (this.#free.length < freeBuffersMax) this.#free.push(Buffer.from(chunk.buffer));
  }

  async #read(): Promise<Buffer> {
    const reading = this.#ahead ?? this.#startRead();
    this.#ahead = undefined;
    const chunk = await reading;
    if (chunk.length === 0) await this.#damaged(`truncated at byte ${this.#position}`);
    this.#position += chunk.length;
    this.#left -= chunk.length;
    if (this.#range.reusesBuffer === true) {
      if (this.#given !== undefined) this.release(this.#given);
      this.#given = chunk;
    }
    if (this.#left > 0) {
      this.#ahead = this.#startRead();
      this.#ahead.catch(() => undefined); // Thrown when it is asked for.
    }
    this.#hash?.update(chunk);
    return chunk;
  }

  /** Gives what could be read, which is nothing at the end of the file. */
  async #startRead(): Promise<Buffer> {
    const bytes = Math.min(readBytes, this.#left);
    const free = this.#free.pop();
    const buffer = free !== undefined && free.length >= bytes ? free : Buffer.allocUnsafeSlow(bytes);
    try {
      const { bytesRead } = await this.#file.read(buffer, 0, bytes, this.#position);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      // A sector that the disk cannot read is damage like any other.
      if (systemCode(error) === 'EIO') return this.#damaged(`unreadable at byte ${this.#position}`);
      throw error;
    }
  }

  async #check(): Promise<void> {
    const got = this.#hash?.digest('hex');
    if (got !== undefined && got !== this.#range.oid) await this.#damaged(got);
  }

  async #damaged(got: string): Promise<never> {
    await this.#range.onDamaged(got);
    throw damagedCopy(this.#range.oid, got);
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([this.#ahead]); // It uses the file.
    await this.#file.close();
  }
}

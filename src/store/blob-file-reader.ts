import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { systemCode } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import { KiB } from '../base/units.ts';
import { damagedCopy } from './checked-content.ts';

/** Bytes of a read: what is on its way to a slow reader is sixteen of them, and as much again waits for the collector. */
const readBytes = 64 * KiB;

/** What to read of an open blob file. */
export interface BlobFileRange {
  readonly oid: Oid;
  readonly offset: number;
  readonly length: number;
  /** The range is the whole blob: check it, and hold the last chunk back until it is known to be good. */
  readonly whole: boolean;
  /** Each chunk is overwritten by the next: for who looks at none of them. Saves the memory of all that garbage. */
  readonly reusesBuffer?: boolean;
  /** Called once when the file turns out to be damaged, before the error is thrown; the file is still open. */
  readonly onDamaged: (got: string) => Promise<void>;
}

/**
 * Reads a range of an open blob file and closes it at the end, on an error, and on `return`; one of
 * them must come. Not a generator: a generator that was never started would not close the file.
 */
export class BlobFileReader implements AsyncIterableIterator<Buffer> {
  readonly #file: FileHandle;
  readonly #range: BlobFileRange;
  readonly #hash: Hash | undefined;
  #position: number;
  #left: number;
  #closed = false;
  #reused: Buffer | undefined;

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

  async #read(): Promise<Buffer> {
    const buffer = this.#buffer(Math.min(readBytes, this.#left));
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#position).catch((error: unknown) => {
      // A sector that the disk cannot read is damage like any other.
      if (systemCode(error) === 'EIO') return this.#damaged(`unreadable at byte ${this.#position}`);
      throw error;
    });
    if (bytesRead === 0) await this.#damaged(`truncated at byte ${this.#position}`);
    this.#position += bytesRead;
    this.#left -= bytesRead;
    const chunk = bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead);
    this.#hash?.update(chunk);
    return chunk;
  }

  #buffer(bytes: number): Buffer {
    if (this.#range.reusesBuffer !== true) return Buffer.allocUnsafeSlow(bytes);
    this.#reused ??= Buffer.allocUnsafeSlow(bytes);
    return this.#reused.subarray(0, bytes);
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
    await this.#file.close();
  }
}

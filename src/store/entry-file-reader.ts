import { crc32 } from 'node:zlib';
import { StratumError, systemCode } from '../base/errors.ts';
import type { EntryFile } from './entry-file.ts';
import type { EntryReader, StoredEntry } from './stored-entry.ts';

/** Who is told what a reader found. */
export interface EntryReaderOwner {
  /** The content was read whole and fits its checksum. */
  checked(): void;
  /** The content is not what was stored; `reason` for the log. */
  damaged(reason: string): void;
}

/** Reads an entry's file, which its footer follows. See EntryReader. */
export class EntryFileReader implements EntryReader {
  readonly entry: StoredEntry;
  readonly #file: EntryFile;
  readonly #owner: EntryReaderOwner;
  /** Checksum of the bytes read so far, in order; undefined when nothing is to be checked, or they were not read in order. */
  #checksum: number | undefined;
  #checkedTo = 0;
  #isReleased = false;

  constructor(
    { entry, file, mustCheck }: { entry: StoredEntry; file: EntryFile; mustCheck: boolean },
    owner: EntryReaderOwner,
  ) {
    this.entry = entry;
    this.#file = file;
    this.#owner = owner;
    this.#checksum = mustCheck ? 0 : undefined;
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    const { sizeBytes } = this.entry;
    const wanted = Math.min(buffer.length, sizeBytes - position);
    if (wanted <= 0) return 0;
    const bytes = await this.#readSome(buffer, wanted, position);
    if (bytes === 0) this.#damaged(`truncated at byte ${position}`);
    this.#check(buffer.subarray(0, bytes), position);
    return bytes;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#file.release();
  }

  async #readSome(buffer: Buffer, length: number, position: number): Promise<number> {
    try {
      return await this.#file.read(buffer, length, position);
    } catch (error) {
      // A sector that the disk cannot read is damage like any other.
      if (systemCode(error) === 'EIO') return this.#damaged(`unreadable at byte ${position}`, error);
      throw error;
    }
  }

  #check(bytes: Buffer, position: number): void {
    if (this.#checksum === undefined) return;
    if (position !== this.#checkedTo) {
      this.#checksum = undefined;
      return;
    }
    this.#checksum = crc32(bytes, this.#checksum);
    this.#checkedTo += bytes.length;
    if (this.#checkedTo < this.entry.sizeBytes) return;
    if (this.#checksum !== this.entry.crc32) this.#damaged(hex(this.#checksum));
    this.#checksum = undefined;
    this.#owner.checked();
  }

  #damaged(got: string, cause?: unknown): never {
    this.#owner.damaged(got);
    const { key, crc32: expected } = this.entry;
    const details = { oid: key, expected: hex(expected), got };
    throw new StratumError('CHECKSUM_MISMATCH', `cache entry ${key} is damaged: ${got}`, details, { cause });
  }
}

function hex(checksum: number): string {
  return `crc32 ${checksum.toString(16).padStart(8, '0')}`;
}

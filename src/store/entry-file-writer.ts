import { crc32 } from 'node:zlib';
import { StratumError } from '../base/errors.ts';
import { formatBytes, KiB, MiB } from '../base/units.ts';
import type { EntryFile } from './entry-file.ts';
import { fileBytesOf } from './entry-footer.ts';
import type { EntryEnding, EntryWriter, StoredEntry } from './stored-entry.ts';

/** Bytes that go to the file in one call, unless it is the last; measured for blobs, see write-chunks.ts. */
const writeBytesMin = 512 * KiB;

/** Room is asked for in steps that grow with the entry, from the first bound to the second. */
const roomStepBytesMin = 64 * KiB;
const roomStepBytesMax = 8 * MiB;

/** What a writer asks of the folder. */
export interface EntryWriterOwner {
  /** Makes room for so many bytes more, which then belong to this entry, beside those that do; DISK_FULL. */
  makeRoom(bytes: number, heldBytes: number): Promise<void>;
  /** Gives the finished file its name and the entry its place; of the room `roomBytes` belong to the writer. */
  store(content: { sizeBytes: number; crc32: number; roomBytes: number }, ending: EntryEnding): Promise<StoredEntry>;
  /** The file and its room are not needed any more. */
  discard(roomBytes: number): Promise<void>;
  /** A failure of the disk as the error that callers are to see. */
  asError(error: unknown): Promise<unknown>;
}

/**
 * Writes an entry's file. The next chunks are gathered while the last are being written; until a chunk is in the file
 * it is read from memory, which takes at most twice `writeBytesMin` and a chunk. See EntryWriter.
 */
export class EntryFileWriter implements EntryWriter {
  readonly #file: EntryFile;
  readonly #owner: EntryWriterOwner;
  readonly #entryBytesMax: number;
  #bytes = 0;
  #checksum = 0;
  /** Content that there is room for, and what its file takes then: that is what the folder has given. */
  #contentRoomBytes = 0;
  #roomBytes = 0;
  /** Chunks that may not be in the file yet, in order; the first `#underWay` of them are being written. */
  #tail: Buffer[] = [];
  #tailAt = 0;
  #underWay = 0;
  #gatheredBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;
  #isReleased = false;

  constructor(file: EntryFile, options: { readonly entryBytesMax: number }, owner: EntryWriterOwner) {
    this.#file = file;
    this.#entryBytesMax = options.entryBytesMax;
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async append(chunk: Buffer): Promise<void> {
    if (this.#hasEnded) throw new StratumError('INTERNAL', 'a cache entry was written to after its end');
    if (this.#failure !== undefined) throw this.#failure.error;
    if (chunk.length === 0) return;
    try {
      await this.#reserve(this.#bytes + chunk.length);
      if (this.#gatheredBytes + chunk.length >= writeBytesMin) await this.#writing;
    } catch (error) {
      throw await this.#fail(error);
    }
    this.#tail.push(chunk);
    this.#bytes += chunk.length;
    this.#gatheredBytes += chunk.length;
    this.#checksum = crc32(chunk, this.#checksum);
    if (this.#gatheredBytes >= writeBytesMin) this.#startWrite();
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    if (position >= this.#bytes) return 0;
    if (position >= this.#tailAt) return this.#copyTail(buffer, position);
    return await this.#file.read(buffer, Math.min(buffer.length, this.#tailAt - position), position);
  }

  recent(position: number): Buffer | undefined {
    if (position < this.#tailAt || position >= this.#bytes) return undefined;
    let at = this.#tailAt;
    for (const chunk of this.#tail) {
      if (position < at + chunk.length) return chunk.subarray(position - at);
      at += chunk.length;
    }
    return undefined;
  }

  async commit(ending: EntryEnding = {}): Promise<StoredEntry> {
    if (this.#hasEnded) throw new StratumError('INTERNAL', 'a cache entry was ended twice');
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#hasEnded = true;
    try {
      if (this.#roomBytes === 0) await this.#takeRoom(0);
      await this.#writing;
      this.#startWrite();
      await this.#writing;
      const content = { sizeBytes: this.#bytes, crc32: this.#checksum, roomBytes: this.#roomBytes };
      const entry = await this.#owner.store(content, ending);
      this.#roomBytes = 0;
      return entry;
    } catch (error) {
      this.#hasEnded = false;
      throw await this.#fail(error);
    }
  }

  async abort(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#writing.catch(() => undefined); // It is given up whether it could be written or not.
    await this.#owner.discard(this.#roomBytes);
    this.#roomBytes = 0;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#file.release();
  }

  async #reserve(bytes: number): Promise<void> {
    if (bytes > this.#entryBytesMax) {
      const details = { what: 'cache entry', limit: BigInt(this.#entryBytesMax), actual: BigInt(bytes) };
      throw new StratumError('TOO_LARGE', `a cache entry is over ${formatBytes(this.#entryBytesMax)}`, details);
    }
    const roomBytes = this.#contentRoomBytes;
    if (bytes <= roomBytes) return;
    const step = Math.min(Math.max(roomStepBytesMin, roomBytes), roomStepBytesMax);
    await this.#takeRoom(Math.min(Math.max(bytes, roomBytes + step), this.#entryBytesMax));
  }

  async #takeRoom(contentBytes: number): Promise<void> {
    const roomBytes = fileBytesOf(contentBytes);
    await this.#owner.makeRoom(roomBytes - this.#roomBytes, this.#roomBytes);
    this.#contentRoomBytes = contentBytes;
    this.#roomBytes = roomBytes;
  }

  async #fail(error: unknown): Promise<unknown> {
    this.#failure ??= { error: await this.#owner.asError(error) };
    return this.#failure.error;
  }

  /** Begins to write what was gathered; the write before it has ended well. */
  #startWrite(): void {
    if (this.#gatheredBytes === 0) return;
    this.#gatheredBytes = 0;
    this.#underWay = this.#tail.length;
    this.#writing = this.#write();
    this.#writing.catch(() => undefined); // Thrown by whoever awaits it next.
  }

  async #write(): Promise<void> {
    const chunks = this.#tail.slice(0, this.#underWay);
    await this.#file.write(chunks, this.#tailAt);
    this.#tail = this.#tail.slice(chunks.length);
    this.#tailAt = chunks.reduce((at, chunk) => at + chunk.length, this.#tailAt);
    this.#underWay = 0;
  }

  #copyTail(buffer: Buffer, position: number): number {
    let copied = 0;
    while (copied < buffer.length) {
      const chunk = this.recent(position + copied);
      if (chunk === undefined) break;
      copied += chunk.copy(buffer, copied);
    }
    return copied;
  }
}

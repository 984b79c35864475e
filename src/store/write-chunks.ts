import type { FileHandle } from 'node:fs/promises';
import { KiB, MiB } from '../base/units.ts';
import type { BlobChunks } from './blob-store.ts';

/** Bytes that go to the file in one call, unless it is the last. Measured, a MiB in calls of 64 KiB costs 1.2 ms, of 1 MiB 0.5 ms. */
const writeBytesMin = 512 * KiB;

/**
 * Bytes after which the disk is made to begin, while more come. Left to itself the kernel keeps a large blob in memory
 * until the end: the sync at the end of 512 MiB then took 265 ms, and takes 20 ms.
 */
const syncBytes = 32 * MiB;

/**
 * Writes chunks to the end of a file. The next ones are taken in while the last are being written, so that a chunk
 * must stay as it is for a while after it was given. With `isSynced` all but the last ones are on the way to the disk
 * at the end; a sync of the caller's own must follow.
 */
export async function writeChunks(
  file: FileHandle,
  chunks: BlobChunks<Uint8Array>,
  { isSynced }: { readonly isSynced: boolean },
): Promise<void> {
  const writer = new ChunkWriter(file, { isSynced, release: (chunk) => chunks.release?.(chunk) });
  try {
    for await (const chunk of chunks) await writer.add(chunk);
    await writer.flush();
  } finally {
    // The caller closes the file, which must not happen under a call that still uses it.
    await writer.settled();
  }
}

class ChunkWriter {
  readonly #file: FileHandle;
  readonly #isSynced: boolean;
  readonly #release: (chunk: Uint8Array) => void;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #unsyncedBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | undefined;
  #syncError: { readonly error: unknown } | undefined;

  constructor(file: FileHandle, options: { isSynced: boolean; release: (chunk: Uint8Array) => void }) {
    this.#file = file;
    this.#isSynced = options.isSynced;
    this.#release = options.release;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    if (this.#gatheredBytes >= writeBytesMin) await this.#begin();
  }

  /** Resolves when all has been written. */
  async flush(): Promise<void> {
    await this.#begin();
    await this.#writing;
    await this.#syncing;
    // Linux tells an error of the disk to one sync only: the caller's own would not hear of it.
    if (this.#syncError !== undefined) throw this.#syncError.error;
  }

  /** Resolves when no call is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
  }

  /** Begins to write what was gathered, as soon as the write before it has ended. */
  async #begin(): Promise<void> {
    await this.#writing;
    if (this.#syncError !== undefined) throw this.#syncError.error;
    const [chunks, bytes] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (bytes === 0) return;
    this.#writing = this.#write(chunks, bytes);
    this.#writing.catch(() => undefined); // Thrown by whoever awaits it next.
  }

  async #write(chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    let left = chunks;
    while (left.length > 0) {
      const { bytesWritten } = await this.#file.writev(left);
      left = restOf(left, bytesWritten);
    }
    for (const chunk of chunks) this.#release(chunk);
    this.#unsyncedBytes += bytes;
    if (this.#isSynced && this.#unsyncedBytes >= syncBytes) this.#sync();
  }

  #sync(): void {
    if (this.#syncing !== undefined) return; // The disk is behind: the next write asks again.
    this.#unsyncedBytes = 0;
    this.#syncing = this.#file
      .datasync()
      .catch((error: unknown) => {
        this.#syncError = { error };
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }
}

/** What is left of chunks of which so many bytes were written: all of them, but on a disk that is full. */
function restOf(chunks: readonly Uint8Array[], writtenBytes: number): readonly Uint8Array[] {
  let done = writtenBytes;
  for (const [index, chunk] of chunks.entries()) {
    if (done < chunk.length) return [chunk.subarray(done), ...chunks.slice(index + 1)];
    done -= chunk.length;
  }
  return [];
}

import { EntryCheck } from '../../replication/shared-cache/entry-check.ts';
import type { EntryReader } from '../../store/entry-folder.ts';

/** How an entry is read. */
export interface EntryChunksOptions {
  readonly chunkBytes: number;
  /** Ends the reading, and rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The content of a stored entry in chunks, checked once more; CHECKSUM_MISMATCH in place of the chunk that shows that
 * it is damaged. Releases the reader at the end, and when the signal aborts.
 */
export function entryChunks(reader: EntryReader, options: EntryChunksOptions): AsyncIterable<Buffer> {
  const { signal } = options;
  const release = () => reader.release();
  signal?.addEventListener('abort', release, { once: true });
  return {
    [Symbol.asyncIterator]: () => read(reader, options, () => signal?.removeEventListener('abort', release)),
  };
}

async function* read(
  reader: EntryReader,
  { chunkBytes, signal }: EntryChunksOptions,
  ended: () => void,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    const { key, sizeBytes, crc32 } = reader.entry;
    const check = new EntryCheck({ key, sizeBytes, crc32 });
    while (!check.isComplete) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, sizeBytes - check.bytes));
      const chunk = buffer.subarray(0, await reader.read(buffer, check.bytes));
      check.take(chunk);
      yield chunk;
    }
  } finally {
    ended();
    reader.release();
  }
}

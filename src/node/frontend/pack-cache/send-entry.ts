import { MiB } from '../../../base/units.ts';
import type { EntryReader } from '../../../store/stored-entry.ts';
import { abortable } from '../abortable.ts';
import type { ByteSink } from './pack-producer.ts';

/** Bytes of a read: with the one ahead, two of them are what a slow reader holds in memory. */
const pieceBytes = MiB;

/**
 * The bytes of a stored entry, the next piece being read while the last one is looked at: one reader has at most two
 * in memory. Releases the reader at its end; must be begun.
 */
export async function* piecesOf(reader: EntryReader): AsyncGenerator<Buffer, void, undefined> {
  const { sizeBytes } = reader.entry;
  let ahead: Promise<Buffer> | undefined;
  try {
    for (let at = 0; at < sizeBytes; ) {
      const piece = await (ahead ?? readPiece(reader, at));
      at += piece.length;
      ahead = at < sizeBytes ? readPiece(reader, at) : undefined;
      ahead?.catch(() => undefined); // Thrown when it is asked for.
      yield piece;
    }
  } finally {
    reader.release();
  }
}

/**
 * Sends a stored entry. Gives why its first piece could not be read: nothing was sent then, and the response may come
 * from elsewhere. What fails later is thrown.
 */
export async function sendEntry(
  reader: EntryReader,
  sink: ByteSink,
  signal: AbortSignal,
): Promise<{ readonly unsent: unknown } | undefined> {
  const pieces = piecesOf(reader);
  try {
    let next: IteratorResult<Buffer, void>;
    try {
      next = await pieces.next();
    } catch (error) {
      return { unsent: error };
    }
    signal.throwIfAborted();
    sink.begin(reader.entry.sizeBytes);
    while (next.done !== true) {
      await abortable(sink.write(next.value), signal);
      next = await pieces.next();
    }
    return undefined;
  } finally {
    await pieces.return();
  }
}

async function readPiece(reader: EntryReader, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, reader.entry.sizeBytes - at));
  return buffer.subarray(0, await reader.read(buffer, at));
}

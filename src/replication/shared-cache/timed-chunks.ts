import type { Clock } from '../../base/clock.ts';
import { observedChunks } from '../nodes/observed-chunks.ts';

/** How the reading of chunks ended. */
export interface ChunksEnd {
  readonly bytes: number;
  /** For how long chunks were waited for, in milliseconds, and not what their reader took. */
  readonly waitedMs: number;
  /** Absent when they ended, and when their reader left. */
  readonly failure?: { readonly error: unknown };
}

/** The same chunks; `ended` is told once when they end. */
export function timedChunks(
  chunks: AsyncIterable<Buffer>,
  clock: Clock,
  ended: (end: ChunksEnd) => void,
): AsyncIterable<Buffer> {
  let waitedMs = 0;
  const waited = (inner: AsyncIterator<Buffer>): AsyncIterator<Buffer> => ({
    next: async () => {
      const startMs = clock.monotonicMs();
      try {
        return await inner.next();
      } finally {
        waitedMs += clock.monotonicMs() - startMs;
      }
    },
    return: async () => {
      await inner.return?.();
      return { done: true, value: undefined };
    },
  });
  return observedChunks({ [Symbol.asyncIterator]: () => waited(chunks[Symbol.asyncIterator]()) }, (bytes, failure) =>
    ended({ bytes, waitedMs, ...(failure === undefined ? {} : { failure }) }),
  );
}

import type { Clock } from '../../base/clock.ts';

/** How the reading of chunks ended. */
export interface ChunksEnd {
  readonly bytes: number;
  /** For how long chunks were waited for, in milliseconds, and not what their reader took. */
  readonly waitedMs: number;
  /** Absent when they ended, and when their reader left. */
  readonly failure?: { readonly error: unknown };
}

/**
 * The same chunks; `ended` is told once when they end. Not a generator: one that was never started would not end what
 * it reads from on `return`.
 */
export function timedChunks(
  chunks: AsyncIterable<Buffer>,
  clock: Clock,
  ended: (end: ChunksEnd) => void,
): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => timed(chunks[Symbol.asyncIterator](), clock, ended) };
}

function timed(inner: AsyncIterator<Buffer>, clock: Clock, ended: (end: ChunksEnd) => void): AsyncIterator<Buffer> {
  let bytes = 0;
  let waitedMs = 0;
  let isOver = false;
  const end = (failure?: { readonly error: unknown }) => {
    if (isOver) return;
    isOver = true;
    ended({ bytes, waitedMs, ...(failure === undefined ? {} : { failure }) });
  };
  return {
    next: async () => {
      const startMs = clock.monotonicMs();
      try {
        const step = await inner.next();
        waitedMs += clock.monotonicMs() - startMs;
        if (step.done === true) end();
        else bytes += step.value.length;
        return step;
      } catch (error) {
        waitedMs += clock.monotonicMs() - startMs;
        end({ error });
        throw error;
      }
    },
    return: async () => {
      try {
        await inner.return?.();
      } finally {
        end();
      }
      return { done: true, value: undefined };
    },
  };
}

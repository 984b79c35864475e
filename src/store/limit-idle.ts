import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';
import type { BlobChunks } from './blob-store.ts';

/** How long who may be silent. */
export interface IdleLimit {
  /** For the error: who sends. */
  readonly sender: string;
  readonly idleMsMax: number;
}

/**
 * Passes chunks on until none comes for `idleMsMax`; DEADLINE_EXCEEDED then, and the producer is told to end. Without
 * it a sender that has gone silent would keep its room, its temporary file and its place for as long as it likes.
 */
export function limitIdle(
  chunks: BlobChunks<Uint8Array>,
  options: IdleLimit,
  modules: { readonly clock: Clock },
): BlobChunks<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => limited(chunks, options, modules.clock),
    release: (chunk) => chunks.release?.(chunk),
  };
}

async function* limited(
  chunks: AsyncIterable<Uint8Array>,
  limit: IdleLimit,
  clock: Clock,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  let hasEnded = false;
  try {
    while (true) {
      const result = await nextWithin(iterator, limit, clock);
      if (result.done === true) {
        hasEnded = true;
        return;
      }
      yield result.value;
    }
  } finally {
    // Not awaited: who sends nothing may not end either.
    if (!hasEnded) iterator.return?.().catch(() => undefined);
  }
}

function nextWithin<T>(iterator: AsyncIterator<T>, limit: IdleLimit, clock: Clock): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limit.idleMsMax, () => reject(fellSilent(limit)));
    iterator.next().then(
      (result) => {
        timer.cancel();
        resolve(result);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

function fellSilent({ sender, idleMsMax }: IdleLimit): StratumError<'DEADLINE_EXCEEDED'> {
  const message = `${sender} sent nothing for ${idleMsMax / 1_000} s`;
  return new StratumError('DEADLINE_EXCEEDED', message, { endpoint: sender, timeoutMs: idleMsMax });
}

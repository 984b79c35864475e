/**
 * The same chunks; `ended` is told once when they end: how many bytes came, and the error if one ended them. A reader
 * who leaves early ends them without one. Not a generator: one that was never started would not end the call on `return`.
 */
export function observedChunks(
  chunks: AsyncIterable<Buffer>,
  ended: (bytes: number, failure?: { readonly error: unknown }) => void,
): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => observed(chunks[Symbol.asyncIterator](), ended) };
}

function observed(
  inner: AsyncIterator<Buffer>,
  ended: (bytes: number, failure?: { readonly error: unknown }) => void,
): AsyncIterator<Buffer> {
  let bytes = 0;
  let isOver = false;
  const end = (failure?: { readonly error: unknown }) => {
    if (isOver) return;
    isOver = true;
    ended(bytes, failure);
  };
  return {
    next: async () => {
      try {
        const step = await inner.next();
        if (step.done) end();
        else bytes += step.value.length;
        return step;
      } catch (error) {
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

/**
 * Passes items on until their producer ends or the signal aborts: then it ends, without an error, so
 * that who keeps a stream open for later does not hold up the stop of the process.
 */
export async function* untilEnding<T>(
  items: AsyncGenerator<T, void, undefined>,
  ending: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  if (ending === undefined) {
    yield* items;
    return;
  }
  try {
    while (!ending.aborted) {
      const next = await nextUntil(items, ending);
      if (next?.done !== false) return;
      yield next.value;
    }
  } finally {
    void items.return().catch(() => undefined); // Not awaited: it may hang behind an item that never comes.
  }
}

function nextUntil<T>(
  items: AsyncGenerator<T, void, undefined>,
  ending: AbortSignal,
): Promise<IteratorResult<T, void> | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(undefined);
    ending.addEventListener('abort', end, { once: true });
    items
      .next()
      .finally(() => ending.removeEventListener('abort', end))
      .then(resolve, reject);
  });
}

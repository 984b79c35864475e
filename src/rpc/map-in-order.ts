/**
 * Works on items as they come, at most `aheadMax` at a time, and gives the results in the order of
 * the items, each as soon as it and those before it are there. Ends with the first failure.
 */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T>,
  aheadMax: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  const underWay: Promise<R>[] = [];
  let reading: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && underWay.length < aheadMax) {
        reading ??= iterator.next();
        reading.catch(() => undefined); // Read below; while results are given it has no reader.
      }
      const [oldest] = underWay;
      const next = await first(oldest, underWay.length < aheadMax ? reading : undefined);
      if (next === undefined) return;
      if ('result' in next) {
        void underWay.shift();
        yield next.result;
      } else {
        reading = undefined;
        ended = next.read.done === true;
        if (next.read.done === true) continue;
        const working = work(next.read.value);
        working.catch(() => undefined); // Read in its turn.
        underWay.push(working);
      }
    }
  } finally {
    if (!ended) void iterator.return?.().catch(() => undefined); // A producer that hangs must not hold up the end.
  }
}

/** What comes first, the oldest result or the next item; undefined when there is nothing to wait for. */
async function first<T, R>(
  oldest: Promise<R> | undefined,
  reading: Promise<IteratorResult<T>> | undefined,
): Promise<{ readonly result: R } | { readonly read: IteratorResult<T> } | undefined> {
  const result = oldest?.then((value) => ({ result: value }));
  const read = reading?.then((value) => ({ read: value }));
  if (result === undefined) return read;
  return read === undefined ? result : Promise.race([result, read]);
}

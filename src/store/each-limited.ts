/**
 * Does work for each item, in their order, at most `max` at a time. Rejects with the first failure; no further work is
 * begun then, and what had begun is not waited for.
 */
export async function eachLimited<T>(items: Iterable<T>, max: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  let hasFailed = false;
  const workOn = async () => {
    for (let next = rest.next(); next.done !== true && !hasFailed; next = rest.next()) await work(next.value);
  };
  const workers = Array.from({ length: max }, workOn);
  await Promise.all(workers).catch((error: unknown) => {
    hasFailed = true;
    throw error;
  });
}

/** How fast calls went. */
export interface CallRate {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs callers beside each other for a time, each asking for its next when it has the last; the caller's number is passed on. */
export async function callRate(
  callers: number,
  periodMs: number,
  call: (caller: number) => Promise<unknown>,
): Promise<CallRate> {
  const tookMs: number[] = [];
  const beganMs = performance.now();
  const run = async (caller: number) => {
    while (performance.now() - beganMs < periodMs) {
      const askedMs = performance.now();
      await call(caller);
      tookMs.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  const perSecond = (tookMs.length / (performance.now() - beganMs)) * 1_000;
  tookMs.sort((a, b) => a - b);
  const quantile = (share: number) => tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0;
  return { count: tookMs.length, perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

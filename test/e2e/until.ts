import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks: short against the seconds that the tests measure. */
const pauseMs = 50;

/** Asks over and over until there is an answer; the error says what was waited for, and what the last look told. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: (tell: (seen: string) => void) => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let last = '';
  const tell = (seen: string) => {
    last = seen;
  };
  for (;;) {
    const found = await probe(tell);
    if (found !== undefined) return found;
    if (performance.now() >= deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms. ${last}`);
    await sleep(pauseMs);
  }
}

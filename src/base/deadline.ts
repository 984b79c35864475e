import type { Clock } from './clock.ts';
import { StratumError } from './errors.ts';

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or with `parent`. A time-out rejects at
 * once with DEADLINE_EXCEEDED, whether or not the work notices its signal.
 */
export async function withDeadline<T>(
  clock: Clock,
  what: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  parent?.throwIfAborted();
  const controller = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined); // Observed below through the race; a late rejection has no other reader.
  const end = (reason: unknown) => {
    controller.abort(reason);
    reject(reason);
  };
  const timer = clock.after(timeoutMs, () => {
    const details = { endpoint: what, timeoutMs };
    end(new StratumError('DEADLINE_EXCEEDED', `${what} did not finish within ${Math.round(timeoutMs)} ms`, details));
  });
  const onParentAbort = () => end(parent?.reason);
  parent?.addEventListener('abort', onParentAbort, { once: true });
  try {
    return await Promise.race([work(controller.signal), ended]);
  } finally {
    timer.cancel();
    parent?.removeEventListener('abort', onParentAbort);
  }
}

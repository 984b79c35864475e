import type { Clock } from '../../../src/base/clock.ts';

/** A clock that stands still until it is advanced; timers fire in the order of their due times. */
export interface ManualClock extends Clock {
  /** Moves time forward and fires what is due on the way. */
  advance(ms: number): void;
  /** Timers that have not fired and were not cancelled. */
  pendingTimers(): number;
}

export function manualClock(startMs = 1_000_000): ManualClock {
  let elapsedMs = 0;
  let sequence = 0;
  const timers = new Map<number, { dueMs: number; everyMs: number | undefined; callback: () => void }>();
  const add = (delayMs: number, everyMs: number | undefined, callback: () => void) => {
    sequence += 1;
    const id = sequence;
    timers.set(id, { dueMs: elapsedMs + delayMs, everyMs, callback });
    return { cancel: () => void timers.delete(id) };
  };
  const nextDue = (untilMs: number) => {
    const due = [...timers].filter(([, timer]) => timer.dueMs <= untilMs);
    return due.sort(([idA, a], [idB, b]) => a.dueMs - b.dueMs || idA - idB)[0];
  };
  const clock: ManualClock = {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after: (delayMs, callback) => add(delayMs, undefined, callback),
    every: (intervalMs, callback) => add(intervalMs, intervalMs, callback),
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const timer = add(delayMs, undefined, resolve);
        signal?.addEventListener('abort', () => {
          timer.cancel();
          reject(signal.reason);
        });
      }),
    advance(ms) {
      const untilMs = elapsedMs + ms;
      for (let next = nextDue(untilMs); next !== undefined; next = nextDue(untilMs)) {
        const [id, timer] = next;
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        if (timer.everyMs === undefined) timers.delete(id);
        else timer.dueMs += timer.everyMs;
        timer.callback();
      }
      elapsedMs = untilMs;
    },
    pendingTimers: () => timers.size,
  };
  return clock;
}

import type { Clock } from '../../../src/base/clock.ts';

/** A clock that runs `rate` times as fast as the one of the world: 1.05 gains 5 %. Timers are as wrong as the clock. */
export function driftingClock(clock: Clock, rate: number): Clock {
  const wallStartMs = clock.nowMs();
  return {
    nowMs: () => Math.floor(wallStartMs + (clock.nowMs() - wallStartMs) * rate),
    monotonicMs: () => clock.monotonicMs() * rate,
    after: (delayMs, callback) => clock.after(delayMs / rate, callback),
    every: (intervalMs, callback) => clock.every(intervalMs / rate, callback),
    sleep: (delayMs, signal) => clock.sleep(delayMs / rate, signal),
  };
}

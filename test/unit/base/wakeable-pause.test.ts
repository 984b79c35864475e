import { describe, expect, it } from 'vitest';
import { WakeablePause } from '../../../src/base/wakeable-pause.ts';
import { manualClock } from './manual-clock.ts';

function sample() {
  const clock = manualClock();
  const pause = new WakeablePause({ clock });
  const ended = new AbortController();
  return { clock, pause, ended, wait: (pauseMs = 1_000) => pause.wait(pauseMs, ended.signal) };
}

describe('WakeablePause', () => {
  it.each([
    ['its time', ({ clock }: ReturnType<typeof sample>) => clock.advance(1_000)],
    ['a wake-up', ({ pause }: ReturnType<typeof sample>) => pause.wake()],
    ['the signal', ({ ended }: ReturnType<typeof sample>) => ended.abort()],
  ])('ends with %s, and leaves no timer behind', async (_name, end) => {
    const its = sample();
    const waiting = its.wait();
    expect(its.clock.pendingTimers()).toBe(1);
    end(its);
    await waiting;
    expect(its.clock.pendingTimers()).toBe(0);
  });

  it('does not begin after a wake-up that came while nobody waited, until it is rearmed', async () => {
    const { clock, pause, wait } = sample();
    pause.wake();
    await wait();
    pause.rearm();
    const waiting = wait();
    expect(clock.pendingTimers()).toBe(1);
    pause.wake();
    await waiting;
  });

  it('does not begin without time, or after the signal', async () => {
    const { clock, ended, wait } = sample();
    await wait(0);
    ended.abort();
    await wait();
    expect(clock.pendingTimers()).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';

describe('the system clock', () => {
  it('never goes back on its monotonic side', () => {
    const first = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });

  it('does not fire a cancelled timer', async () => {
    let fired = false;
    const timer = systemClock.after(0, () => {
      fired = true;
    });
    timer.cancel();
    await systemClock.sleep(5);
    expect(fired).toBe(false);
  });

  it('repeats until it is cancelled', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let count = 0;
    const timer = systemClock.every(1, () => {
      count += 1;
      if (count === 3) resolve();
    });
    await promise;
    timer.cancel();
    expect(count).toBe(3);
  });

  it('ends a sleep with the reason of its signal', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error('woken'));
    await expect(sleeping).rejects.toThrow('woken');
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toThrow('woken');
  });
});

import { describe, expect, it } from 'vitest';
import { withDeadline } from '../../../src/base/deadline.ts';
import { manualClock } from './manual-clock.ts';

describe('withDeadline', () => {
  it('gives the result of work that ends in time and leaves no timer behind', async () => {
    const clock = manualClock();
    await expect(withDeadline(clock, 'work', 100, async () => 42)).resolves.toBe(42);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('rejects at the deadline even when the work never notices its signal', async () => {
    const clock = manualClock();
    let seen: AbortSignal | undefined;
    const result = withDeadline(clock, 'start of disk', 100, (signal) => {
      seen = signal;
      return new Promise<never>(() => undefined);
    });
    clock.advance(100);
    await expect(result).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { timeoutMs: 100 } });
    expect(seen?.aborted).toBe(true);
  });

  it('passes the reason of a parent signal on', async () => {
    const parent = new AbortController();
    const reason = new Error('caller left');
    const result = withDeadline(manualClock(), 'work', 100, () => new Promise<never>(() => undefined), parent.signal);
    parent.abort(reason);
    await expect(result).rejects.toBe(reason);
  });

  it('does not begin when the parent has ended already', async () => {
    const parent = AbortSignal.abort(new Error('gone'));
    let begun = false;
    const work = async () => {
      begun = true;
    };
    await expect(withDeadline(manualClock(), 'work', 100, work, parent)).rejects.toThrow('gone');
    expect(begun).toBe(false);
  });
});

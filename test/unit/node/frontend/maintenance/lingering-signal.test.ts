import { describe, expect, it } from 'vitest';
import { lingeringSignal } from '../../../../../src/node/frontend/maintenance/lingering-signal.ts';
import { manualClock } from '../../../base/manual-clock.ts';

const reason = new Error('stopped');

describe('a lingering signal', () => {
  it.each([true, false])('aborts a while after the first, with its reason (aborted before: %s)', (isBefore) => {
    const clock = manualClock();
    const first = new AbortController();
    if (isBefore) first.abort(reason);
    const { signal, end } = lingeringSignal(first.signal, { graceMs: 500 }, { clock });
    if (!isBefore) {
      clock.advance(1_000);
      first.abort(reason);
    }
    clock.advance(499);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.reason).toBe(reason);
    end();
  });

  it.each([true, false])('does nothing after its end (aborted before: %s)', (isBefore) => {
    const clock = manualClock();
    const first = new AbortController();
    const { signal, end } = lingeringSignal(first.signal, { graceMs: 500 }, { clock });
    if (isBefore) first.abort(reason);
    end();
    first.abort(reason);
    clock.advance(500);
    expect(signal.aborted).toBe(false);
    expect(clock.pendingTimers()).toBe(0);
  });
});

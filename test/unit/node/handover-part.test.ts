import { describe, expect, it } from 'vitest';
import { handoverPart } from '../../../src/node/handover-part.ts';
import { manualClock } from '../base/manual-clock.ts';

describe('the handover of a process that stops', () => {
  it('waits until others have taken over', async () => {
    const clock = manualClock();
    const over = Promise.withResolvers<void>();
    const stopped = handoverPart({ handedOver: () => over.promise }, { clock }).stop?.(new AbortController().signal);
    over.resolve();
    await stopped;
    expect(clock.pendingTimers()).toBe(0);
  });

  it('waits no longer than a coordinator could take', async () => {
    const clock = manualClock();
    const asked: AbortSignal[] = [];
    const handedOver = (signal: AbortSignal) => {
      asked.push(signal);
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    const stopped = handoverPart({ handedOver }, { clock }).stop?.(new AbortController().signal);
    clock.advance(4_999);
    expect(asked.map(({ aborted }) => aborted)).toEqual([false]);
    clock.advance(1);
    await stopped;
  });
});

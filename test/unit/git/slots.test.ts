import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/git/slots.ts';
import { manualClock } from '../base/manual-clock.ts';

const slots = (slotsMax: number, queueMax: number, clock = manualClock()) =>
  new Slots({ what: 'things', slotsMax, queueMax, waitMaxMs: 500, retryAfterMs: 1000 }, { clock });

describe('Slots', () => {
  it('refuses a caller whose turn does not come in time, and lets the next one have it', async () => {
    const clock = manualClock();
    const one = slots(1, 10, clock);
    const release = await one.acquire();
    const tired = one.acquire();
    clock.advance(400);
    const patient = one.acquire();
    clock.advance(100);
    await expect(tired).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    release();
    (await patient)();
    expect([one.taken, one.waiting, clock.pendingTimers()]).toEqual([0, 0, 0]);
  });

  it('serves callers in order of arrival', async () => {
    const one = slots(1, 10);
    const release = await one.acquire();
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (number) => {
      const done = await one.acquire();
      order.push(number);
      done();
    });
    expect(one.waiting).toBe(3);
    release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    expect(one.taken).toBe(0);
  });

  it('refuses with OVERLOADED when the queue is full', async () => {
    const one = slots(1, 1);
    await one.acquire();
    const second = one.acquire();
    await expect(one.acquire()).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterMs: 1000 } });
    expect(one.waiting).toBe(1);
    expect(second).toBeInstanceOf(Promise);
  });

  it('lets a waiter leave, and frees a slot only once', async () => {
    const one = slots(1, 1);
    const release = await one.acquire();
    const controller = new AbortController();
    const leaving = one.acquire(controller.signal);
    controller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    release();
    release();
    expect(one.taken).toBe(0);
    await one.acquire();
    expect(one.taken).toBe(1);
    await expect(one.acquire(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });
});

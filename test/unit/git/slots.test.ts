import { describe, expect, it } from 'vitest';
import { Slots } from '../../../src/git/slots.ts';

const slots = (slotsMax: number, queueMax: number) =>
  new Slots({ what: 'things', slotsMax, queueMax, retryAfterMs: 1000 });

describe('Slots', () => {
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

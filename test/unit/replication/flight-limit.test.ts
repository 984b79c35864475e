import { describe, expect, it } from 'vitest';
import { FlightLimit } from '../../../src/replication/flight-limit.ts';
import { isSettled } from './sample-writer.ts';

const { signal } = new AbortController();
const limitOf = (options: { countMax?: number; bytesMax?: number; waitingMax?: number }) =>
  new FlightLimit({ countMax: 10, bytesMax: 100, waitingMax: 10, ...options });

describe('FlightLimit', () => {
  it('lets in as many as it may, and the next one when one has left', async () => {
    const limit = limitOf({ countMax: 2 });
    expect([limit.tryEnter(1), limit.tryEnter(1), limit.tryEnter(1)]).toEqual([true, true, false]);
    const third = limit.enter(1, signal);
    expect(await isSettled(third)).toBe(false);
    limit.leave(1);
    expect(await third).toBe(true);
    expect(limit.tryEnter(1)).toBe(false);
  });

  it('lets in as many bytes as it may', () => {
    const limit = limitOf({ bytesMax: 100 });
    expect([limit.tryEnter(60), limit.tryEnter(41), limit.tryEnter(40)]).toEqual([true, false, true]);
  });

  it('lets in what is larger than all the room when it is alone', async () => {
    const limit = limitOf({ bytesMax: 100 });
    expect([limit.tryEnter(1_000), limit.tryEnter(1)]).toEqual([true, false]);
    const small = limit.enter(1, signal);
    const large = limit.enter(1_000, signal);
    limit.leave(1_000);
    expect(await small).toBe(true);
    expect(await isSettled(large)).toBe(false);
    limit.leave(1);
    expect(await large).toBe(true);
  });

  it('keeps the order: a small one does not overtake a large one that waits', async () => {
    const limit = limitOf({ bytesMax: 100 });
    limit.tryEnter(60);
    const entered: string[] = [];
    const large = limit.enter(80, signal).then(() => entered.push('large'));
    expect(limit.tryEnter(1)).toBe(false);
    const small = limit.enter(1, signal).then(() => entered.push('small'));
    limit.leave(60);
    await Promise.all([large, small]);
    expect(entered).toEqual(['large', 'small']);
  });

  it('forgets who leaves the queue, and lets in those that it kept back', async () => {
    const limit = limitOf({ bytesMax: 100 });
    limit.tryEnter(60);
    const caller = new AbortController();
    const large = limit.enter(80, caller.signal);
    const small = limit.enter(40, signal);
    expect(await isSettled(small)).toBe(false);
    caller.abort();
    expect([await large, await small]).toEqual([false, true]);
    limit.leave(60);
    limit.leave(40);
    expect(limit.isIdle).toBe(true);
  });

  it('turns away who comes with an aborted signal or to a full queue', async () => {
    const limit = limitOf({ countMax: 1, waitingMax: 1 });
    expect(await limit.enter(1, AbortSignal.abort())).toBe(false);
    limit.tryEnter(1);
    void limit.enter(1, signal);
    expect(await limit.enter(1, signal)).toBe(false);
    expect(limit.isIdle).toBe(false);
  });
});

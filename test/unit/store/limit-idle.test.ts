import { describe, expect, it } from 'vitest';
import { limitIdle } from '../../../src/store/limit-idle.ts';
import { manualClock } from '../base/manual-clock.ts';

const limit = { sender: 'the sender of a blob', idleMsMax: 100 };

/** A sender that is told when to send; `ended` once it was told to end. */
function sender() {
  const waiting: ((result: IteratorResult<Uint8Array, undefined>) => void)[] = [];
  const state = { ended: false };
  const chunks = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<Uint8Array, undefined>>((resolve) => waiting.push(resolve)),
      return: async () => {
        state.ended = true;
        return { done: true, value: undefined } as const;
      },
    }),
  };
  const send = (byte: number) => waiting.shift()?.({ done: false, value: Buffer.from([byte]) });
  const end = () => waiting.shift()?.({ done: true, value: undefined });
  return { chunks, send, end, state };
}

describe('limitIdle', () => {
  it('passes on what comes in time, however long all of it takes', async () => {
    const clock = manualClock();
    const { chunks, send, end } = sender();
    const received = Array.fromAsync(limitIdle(chunks, limit, { clock }));
    for (let byte = 0; byte < 10; byte += 1) {
      clock.advance(90);
      send(byte);
      for (let turn = 0; turn < 10; turn += 1) await null; // The next chunk is asked for.
    }
    end();
    expect((await received).map(([byte]) => byte)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends with DEADLINE_EXCEEDED when nothing comes any more, and tells the sender', async () => {
    const clock = manualClock();
    const { chunks, send, state } = sender();
    const iterator = limitIdle(chunks, limit, { clock })[Symbol.asyncIterator]();
    const first = iterator.next();
    send(7);
    expect(await first).toMatchObject({ done: false });
    const second = iterator.next();
    const refused = expect(second).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      details: { endpoint: limit.sender, timeoutMs: 100 },
    });
    clock.advance(100);
    await refused;
    expect(state.ended).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('does not count the time that the receiver takes', async () => {
    const clock = manualClock();
    const { chunks, send } = sender();
    const iterator = limitIdle(chunks, limit, { clock })[Symbol.asyncIterator]();
    const first = iterator.next();
    send(1);
    await first;
    clock.advance(1_000);
    const second = iterator.next();
    send(2);
    expect(await second).toMatchObject({ done: false });
  });

  it('passes on the sender’s own error', async () => {
    const clock = manualClock();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1);
      throw new Error('gone');
    }
    await expect(Array.fromAsync(limitIdle(broken(), limit, { clock }))).rejects.toThrow('gone');
    expect(clock.pendingTimers()).toBe(0);
  });
});

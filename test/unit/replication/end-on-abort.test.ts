import { describe, expect, it } from 'vitest';
import { endOnAbort } from '../../../src/replication/end-on-abort.ts';
import { hang } from './scripted-node.ts';

/** Gives some numbers, then does as told; counts how often it was told to end. */
function producer(count: number, afterwards: () => Promise<IteratorResult<number>>) {
  let given = 0;
  const calls = { returned: 0 };
  const iterator: AsyncIterator<number> = {
    next: async () => {
      given += 1;
      return given <= count ? { done: false, value: given } : afterwards();
    },
    return: async () => {
      calls.returned += 1;
      return { done: true, value: undefined };
    },
  };
  return { items: { [Symbol.asyncIterator]: () => iterator }, calls };
}
const done = async () => ({ done: true, value: undefined }) as const;

describe('endOnAbort', () => {
  it('passes everything on and does not end a producer that has ended', async () => {
    const { items, calls } = producer(3, done);
    expect(await Array.fromAsync(endOnAbort(items, new AbortController().signal))).toEqual([1, 2, 3]);
    expect(calls.returned).toBe(0);
  });

  it('rejects with the signal’s reason while the producer hangs, and tells it to end', async () => {
    const { items, calls } = producer(1, () => hang());
    const caller = new AbortController();
    const iterator = endOnAbort(items, caller.signal);
    await iterator.next();
    const second = iterator.next();
    const reason = new Error('enough');
    caller.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(calls.returned).toBe(1);
  });

  it('asks the producer for nothing when the signal has aborted before', async () => {
    const { items } = producer(1, done);
    const reason = new Error('too late');
    await expect(endOnAbort(items, AbortSignal.abort(reason)).next()).rejects.toBe(reason);
  });

  it('passes the producer’s error on', async () => {
    const error = new Error('broken');
    const { items } = producer(1, () => Promise.reject(error));
    await expect(Array.fromAsync(endOnAbort(items, new AbortController().signal))).rejects.toBe(error);
  });

  it('tells the producer to end when the consumer leaves', async () => {
    const { items, calls } = producer(3, done);
    for await (const _ of endOnAbort(items, new AbortController().signal)) break;
    expect(calls.returned).toBe(1);
  });
});

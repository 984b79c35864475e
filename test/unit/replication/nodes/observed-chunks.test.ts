import { describe, expect, it, vi } from 'vitest';
import { observedChunks } from '../../../../src/replication/nodes/observed-chunks.ts';

async function* three(): AsyncGenerator<Buffer, void, undefined> {
  for (const text of ['a', 'bb', 'ccc']) yield Buffer.from(text);
}

describe('observedChunks', () => {
  it('passes the chunks on, and tells once of their end', async () => {
    const ended = vi.fn();
    const chunks = observedChunks(three(), ended)[Symbol.asyncIterator]();
    const got: string[] = [];
    for (let step = await chunks.next(); !step.done; step = await chunks.next()) got.push(step.value.toString());
    await chunks.next();
    await chunks.return?.();
    expect(got).toEqual(['a', 'bb', 'ccc']);
    expect(ended.mock.calls).toEqual([[6, undefined]]);
  });

  it('tells of the error that ends them, and of the bytes before it', async () => {
    const broken = new Error('reset');
    const ended = vi.fn();
    const breaking = async function* () {
      yield Buffer.from('abc');
      throw broken;
    };
    await expect(Array.fromAsync(observedChunks(breaking(), ended))).rejects.toBe(broken);
    expect(ended.mock.calls).toEqual([[3, { error: broken }]]);
  });

  it('tells of no error when the reader leaves, and ends the call, also one that was never begun', async () => {
    for (const reads of [0, 1]) {
      const ended = vi.fn();
      const left = vi.fn(async () => ({ done: true as const, value: undefined }));
      const inner = { next: async () => ({ done: false as const, value: Buffer.from('a') }), return: left };
      const chunks = observedChunks({ [Symbol.asyncIterator]: () => inner }, ended)[Symbol.asyncIterator]();
      for (let read = 0; read < reads; read += 1) await chunks.next();
      await chunks.return?.();
      expect(left).toHaveBeenCalledOnce();
      expect(ended.mock.calls).toEqual([[reads, undefined]]);
    }
  });
});

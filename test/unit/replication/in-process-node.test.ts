import { describe, expect, it } from 'vitest';
import { InProcessNode } from '../../../src/replication/in-process-node.ts';
import type { BlobChunks } from '../../../src/store/blob-store.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { manualClock } from '../base/manual-clock.ts';
import { oidAt } from '../store/sample-blobs.ts';

const fence = { admit: async () => undefined };

/** A node whose store opens a blob when it is told to, and counts what is left open. */
function slowNode() {
  const clock = manualClock();
  const store = new MemoryBlobStore({ capacityBytes: 1_000 }, { clock });
  const opening = Promise.withResolvers<void>();
  let open = 0;
  const iterator: AsyncIterableIterator<Buffer> = {
    next: async () => ({ done: true, value: undefined }),
    return: async () => {
      open -= 1;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  const chunks: BlobChunks = iterator;
  store.read = async () => {
    await opening.promise;
    open += 1;
    return { size: 10, chunks };
  };
  const node = new InProcessNode({ nodeId: 'o1' }, { store, fence, clock });
  return { node, clock, opening, open: () => open };
}

describe('a read in process', () => {
  it.each([
    ['its deadline has passed', 'DEADLINE_EXCEEDED'],
    ['its caller has left', 'CANCELLED'],
  ])('leaves nothing open when the store opens the blob after %s', async (_, code) => {
    const { node, clock, opening, open } = slowNode();
    const leaving = new AbortController();
    const reading = node.get(oidAt(1n), { offset: 0 }, { timeoutMs: 1_000, signal: leaving.signal });
    const failed = expect(reading).rejects.toMatchObject({ code });
    if (code === 'CANCELLED') leaving.abort(Object.assign(new Error('left'), { code }));
    else clock.advance(1_000);
    await failed;
    expect(open()).toBe(0);
    opening.resolve();
    await expect.poll(open).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(open()).toBe(0);
  });

  it('leaves a blob open that was opened in time', async () => {
    const { node, opening, open } = slowNode();
    opening.resolve();
    expect(await node.get(oidAt(1n), { offset: 0 }, { timeoutMs: 1_000 })).toMatchObject({ size: 10 });
    expect(open()).toBe(1);
  });
});

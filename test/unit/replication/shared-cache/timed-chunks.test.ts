import { describe, expect, it } from 'vitest';
import { type ChunksEnd, timedChunks } from '../../../../src/replication/shared-cache/timed-chunks.ts';
import { manualClock } from '../../base/manual-clock.ts';

const failure = new Error('broken');

describe('timedChunks', () => {
  const setUp = (after: 'end' | 'failure') => {
    const clock = manualClock();
    const ends: ChunksEnd[] = [];
    let isReturned = false;
    const source = async function* () {
      try {
        for (const text of ['abc', 'de']) {
          clock.advance(10);
          yield Buffer.from(text);
        }
        clock.advance(5);
        if (after === 'failure') throw failure;
      } finally {
        isReturned = true;
      }
    };
    return { clock, ends, chunks: timedChunks(source(), clock, (end) => ends.push(end)), isReturned: () => isReturned };
  };

  it('tells the bytes, and the time that was waited for them without what the reader took', async () => {
    const { clock, ends, chunks } = setUp('end');
    const got: string[] = [];
    for await (const chunk of chunks) {
      clock.advance(1_000);
      got.push(chunk.toString());
    }
    expect(got).toEqual(['abc', 'de']);
    expect(ends).toEqual([{ bytes: 5, waitedMs: 25 }]);
  });

  it('tells the error that ended them, and passes it on', async () => {
    const { ends, chunks } = setUp('failure');
    await expect(Array.fromAsync(chunks)).rejects.toBe(failure);
    expect(ends).toEqual([{ bytes: 5, waitedMs: 25, failure: { error: failure } }]);
  });

  it('ends the source of a reader who leaves, and tells of no error', async () => {
    const { ends, chunks, isReturned } = setUp('failure');
    for await (const _ of chunks) break;
    expect(isReturned()).toBe(true);
    expect(ends).toEqual([{ bytes: 3, waitedMs: 10 }]);
  });
});

import { describe, expect, it } from 'vitest';
import { LentBuffers } from '../../../../src/replication/remote/lent-buffers.ts';
import { chunkBytes } from '../../../../src/rpc/limits.ts';

describe('LentBuffers', () => {
  it('lends a buffer again only when its chunk was given back, whole', () => {
    const buffers = new LentBuffers();
    const [first, second] = [buffers.lend(), buffers.lend()];
    expect(first.buffer).not.toBe(second.buffer);
    buffers.takeBack(first.subarray(0, 10));
    const third = buffers.lend();
    expect(third.buffer).toBe(first.buffer);
    expect(third.length).toBe(chunkBytes);
    expect(buffers.lend().buffer).not.toBe(first.buffer);
  });

  it('lends no buffer twice that was given back twice, and none that was not lent', () => {
    const buffers = new LentBuffers();
    const first = buffers.lend();
    const foreign = Buffer.alloc(10);
    for (const chunk of [first, first, foreign]) buffers.takeBack(chunk);
    const lent = [buffers.lend(), buffers.lend(), buffers.lend()].map(({ buffer }) => buffer);
    expect(new Set(lent).size).toBe(3);
    expect(lent).not.toContain(foreign.buffer);
  });

  it('keeps a few buffers only', () => {
    const buffers = new LentBuffers();
    const lent = Array.from({ length: 10 }, () => buffers.lend());
    for (const buffer of lent) buffers.takeBack(buffer);
    const again = Array.from({ length: 10 }, () => buffers.lend().buffer);
    expect(again.filter((buffer) => lent.some((before) => before.buffer === buffer))).toHaveLength(3);
  });
});

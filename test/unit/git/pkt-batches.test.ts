import { describe, expect, it } from 'vitest';
import { inBatches } from '../../../src/git/pkt-batches.ts';

describe('inBatches', () => {
  it('joins small lines to chunks of about 64 KiB and loses nothing', () => {
    const lines = Array.from({ length: 5000 }, (_, at) => Buffer.from(`line ${at} ${'x'.repeat(40)}`));
    const chunks = [...inBatches(lines)];
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat(lines));
    expect(chunks.length).toBeLessThan(10);
    expect(chunks.slice(0, -1).every((chunk) => chunk.length >= 64 * 1024)).toBe(true);
  });

  it('hands on what is large as it is, in its place among the small lines', () => {
    const [first, large, last] = [Buffer.from('first'), Buffer.alloc(100_000, 'x'), Buffer.from('last')];
    const chunks = [...inBatches([first, large, last])];
    expect(chunks.map(String)).toEqual([first, large, last].map(String));
    expect(chunks[1]).toBe(large);
  });

  it('yields nothing for nothing', () => {
    expect([...inBatches([])]).toEqual([]);
  });
});

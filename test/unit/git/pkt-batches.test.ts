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

  it('yields nothing for nothing', () => {
    expect([...inBatches([])]).toEqual([]);
  });
});

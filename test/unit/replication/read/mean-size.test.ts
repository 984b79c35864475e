import { describe, expect, it } from 'vitest';
import { MeanSize } from '../../../../src/replication/read/mean-size.ts';

describe('the mean size of blobs', () => {
  it('is the first guess until one has been seen, and counts for nothing then', () => {
    const mean = new MeanSize(1000);
    expect(mean.bytes).toBe(1000);
    mean.add(10);
    expect(mean.bytes).toBe(10);
    mean.add(30);
    expect(mean.bytes).toBe(20);
  });

  it('follows the latest blobs, however many there were before', () => {
    const mean = new MeanSize(0);
    for (let blob = 0; blob < 100_000; blob += 1) mean.add(10);
    for (let blob = 0; blob < 2560; blob += 1) mean.add(1000);
    expect(mean.bytes).toBeGreaterThan(990);
  });
});

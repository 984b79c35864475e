import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../../src/base/backoff.ts';
import type { Random } from '../../../src/base/random.ts';

const drawing = (value: number): Random => ({ next: () => value, bytes: (length) => Buffer.alloc(length) });
const bounds = { minMs: 50, maxMs: 2_000 };

describe('backoffMs', () => {
  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [6, 1_600],
    [7, 2_000],
    [5_000, 2_000],
  ])('after %s failures lies between half of %s ms and all of it', (failures, fullMs) => {
    expect(backoffMs(failures, bounds, drawing(0))).toBe(fullMs / 2);
    expect(backoffMs(failures, bounds, drawing(0.999))).toBeLessThan(fullMs);
    expect(backoffMs(failures, bounds, drawing(0.999))).toBeGreaterThan(fullMs * 0.99);
  });
});

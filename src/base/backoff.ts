import type { Random } from './random.ts';

/** Bounds of a back-off, in milliseconds. */
export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Milliseconds to wait before the try after `failures` ones in a row: doubles each time up to the
 * maximum, and of that a random part between half and all, so that callers do not come back together.
 */
export function backoffMs(failures: number, { minMs, maxMs }: BackoffBounds, random: Random): number {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.max(0, failures - 1));
  return fullMs * (0.5 + random.next() / 2);
}

/** Milliseconds; a node that is asked at all is given the time of a pause of its process. */
const stallMinMs = 100;

/**
 * Milliseconds that one replica may take: what the whole read has left, shared with those that could be asked
 * after it, so that a few that hang do not use up the time of one that would serve.
 */
export function stallTimeMs(leftMs: number, othersLeft: number, stallTimeoutMs: number): number {
  return Math.min(leftMs, stallTimeoutMs, Math.max(stallMinMs, leftMs / (othersLeft + 1)));
}

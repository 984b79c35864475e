/**
 * How a hint ended: the blob was copied; it was there already or belongs elsewhere now; the hint was too
 * old; beyond the bounds; or it failed for good: no other replica has the blob, or the log could not be written.
 */
export type HintEnd = 'replayed' | 'needless' | 'expired' | 'overflow' | 'failed';

/** Told of what becomes of hints, for metrics. */
export interface HintObserver {
  ended(end: HintEnd, count: number): void;
}

/** A hint log in numbers. */
export interface HintStats {
  /** Hints on disk. */
  readonly pending: number;
  /** Bytes of their blobs. */
  readonly bytes: number;
  /** Milliseconds since the oldest was noted; 0 without any. */
  readonly oldestAgeMs: number;
  /** Since the start, hints whose gap was not closed: expired, overflow and failed. */
  readonly dropped: number;
  /** Since the start. */
  readonly replayed: number;
}

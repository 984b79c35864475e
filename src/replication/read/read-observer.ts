/**
 * What became of a second replica that was asked beside a late one: it answered first; it did not; or the budget
 * of hedges allowed none.
 */
export type HedgeResult = 'won' | 'lost' | 'refused';

/** Told of what readers do, for metrics. */
export interface ReadObserver {
  hedged(result: HedgeResult): void;
}

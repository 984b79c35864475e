/** Is told how fetches were answered that the pack cache has no part in, and of what is prepared. */
export interface FetchObserver {
  /** A fetch went to git as it came. */
  bypassed(): void;
  /** A response was prepared after a push, was there already, or could not be prepared. */
  warmed(result: 'prepared' | 'stored' | 'dropped' | 'failed'): void;
}

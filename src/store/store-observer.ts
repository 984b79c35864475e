/** Who is told what a blob store's disk does; called synchronously, and must not throw. */
export interface StoreObserver {
  /**
   * Something was put on disk before it was acknowledged: a commit of the index, or the content of a
   * file. `durationMs` is from the end of the writing to the end of the flush. Not called for what
   * is acknowledged before its flush (durability `quorum`).
   */
  synced(durationMs: number): void;
  /** A copy was found to be damaged and put in quarantine. */
  quarantined(): void;
}

/** Tells nobody. */
export const noObserver: StoreObserver = { synced: () => undefined, quarantined: () => undefined };

import type { StoreObserver } from '../../../src/store/store-observer.ts';

/** An observer that counts what it is told. */
export class CountingObserver implements StoreObserver {
  readonly syncedMs: number[] = [];
  quarantinedCount = 0;

  synced(durationMs: number): void {
    this.syncedMs.push(durationMs);
  }

  quarantined(): void {
    this.quarantinedCount += 1;
  }
}

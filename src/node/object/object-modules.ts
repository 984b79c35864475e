import type { Clock } from '../../base/clock.ts';
import type { BlobStore } from '../../store/blob-store.ts';
import type { CacheStore } from './cache-store.ts';
import type { FenceGuard } from './fence-guard.ts';

/** What the RPCs and the HTTP requests of an object node work with. */
export interface ObjectModules {
  readonly nodeId: string;
  readonly store: BlobStore;
  readonly cache: CacheStore;
  readonly fence: FenceGuard;
  readonly clock: Clock;
}

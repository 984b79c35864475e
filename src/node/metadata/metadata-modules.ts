import type { Random } from '../../base/random.ts';
import type { MetadataReads } from './metadata-reads.ts';
import type { OperationQueue } from './operation-queue.ts';
import type { RefsCache } from './refs-cache.ts';

/** What the RPCs of a metadata node work with. */
export interface MetadataModules {
  readonly reads: MetadataReads;
  readonly operations: OperationQueue;
  readonly refs: RefsCache;
  readonly random: Random;
}

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { PartitionAccess } from './partition-access.ts';
import type { RefsCache } from './refs-cache.ts';
import type { RemoteNames } from './remote-names.ts';

/** What the RPCs of a metadata node work with. */
export interface MetadataModules {
  readonly partitions: PartitionAccess;
  readonly refs: Pick<RefsCache, 'read'>;
  readonly names: RemoteNames;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
}

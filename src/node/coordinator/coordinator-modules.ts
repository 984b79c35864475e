import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import type { HeartbeatTable } from './heartbeat-table.ts';
import type { PartitionKeeper } from './partition-keeper.ts';

/** What the RPCs of a coordinator work with. */
export interface CoordinatorModules {
  /** The id of the node that answers. */
  readonly nodeId: string;
  readonly consensus: Consensus;
  readonly heartbeats: HeartbeatTable;
  readonly partitions: Pick<PartitionKeeper, 'plan'>;
  /** Aborts when this coordinator stops: watches end with its reason. */
  readonly stopping: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

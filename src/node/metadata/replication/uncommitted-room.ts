import { StratumError } from '../../../base/errors.ts';
import { MiB } from '../../../base/units.ts';
import type { ReplicaLog } from './replica-log.ts';

/** Entries of a partition, and their bytes, that may wait for the in-sync replicas; a node's other partitions have their own. */
const entriesMax = 5_000;
const bytesMax = 64 * MiB;

/** After this long some of them have been committed. */
const retryAfterMs = 100;

/** OVERLOADED when too much is not committed: it stays, also when the callers have gone. An operation of any size may be the first. */
export function assertUncommittedRoom(partition: number, log: ReplicaLog, committedIndex: bigint, bytes: number): void {
  const count = Number(log.last.index - committedIndex);
  if (count === 0 || (count < entriesMax && log.pendingBytes + bytes <= bytesMax)) return;
  const message = `partition ${partition} has ${count} operations that its in-sync replicas have not taken yet`;
  throw new StratumError('OVERLOADED', message, { retryAfterMs }, { hint: 'try again in a moment' });
}

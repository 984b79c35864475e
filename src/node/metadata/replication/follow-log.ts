import { largerOf } from '../../../base/bigint-order.ts';
import { StratumError } from '../../../base/errors.ts';
import type { PartitionAppend } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { checkRecord } from './log-record.ts';
import type { PartitionDisk } from './partition-disk.ts';

/** After which entry the primary has to go on instead, in a follower's log; undefined when what it sends fits. */
export function mismatchOf({ log, state }: PartitionDisk, append: PartitionAppend): bigint | undefined {
  const { previousIndex, previousEpoch } = append;
  // What is applied is committed, and so the same everywhere.
  if (previousIndex <= state.position.index) return undefined;
  const epoch = log.epochAt(previousIndex);
  if (epoch === previousEpoch) return undefined;
  if (epoch === undefined) return log.last.index;
  const before = log.firstOfEpochAt(previousIndex) - 1n;
  return largerOf(before, state.position.index);
}

/** Whether the primary's log, which begins behind the entry that is sent as the previous one, does not reach back to a follower's. */
export function lacksBase({ log, state }: PartitionDisk, { previousIndex, previousEpoch }: PartitionAppend): boolean {
  return state.position.index < previousIndex && log.epochAt(previousIndex) !== previousEpoch;
}

/**
 * Adds what is new of entries that fit, and cuts off what a later epoch has put another entry in the place of; the index
 * up to where the log is then known to equal the primary's. DATA_CORRUPT for a damaged record, INTERNAL for one in the wrong place.
 */
export function takeEntries(disk: PartitionDisk, { previousIndex, records, epoch }: PartitionAppend): bigint {
  const { log, state } = disk;
  let index = previousIndex;
  for (const record of records) {
    const position = checkRecord(record);
    index += 1n;
    if (position.index !== index || position.epoch > epoch) {
      const what = `entry ${position.index} of epoch ${position.epoch}`;
      throw new StratumError('INTERNAL', `${what} was sent as ${index} of ${epoch}`);
    }
    // Applied is committed: at the same index there is the same entry.
    if (index <= state.position.index) continue;
    const known = log.epochAt(index);
    if (known === position.epoch) continue;
    if (known !== undefined) log.truncateAfter(index - 1n);
    log.append(Buffer.from(record));
  }
  disk.changed();
  return largerOf(index, state.position.index);
}

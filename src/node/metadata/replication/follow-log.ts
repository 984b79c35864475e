import { largerOf } from '../../../base/bigint-order.ts';
import { StratumError } from '../../../base/errors.ts';
import type { PartitionAppend } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { checkRecord } from './log-record.ts';
import type { PartitionDisk } from './partition-disk.ts';

/**
 * How a primary's entries go with a follower's log: they fit; the primary has to go on after another entry; the follower
 * has to copy the partition, because the primary's log does not reach back to what it has; or what it has applied is not what
 * the primary has at that place. What is applied is committed, so then the primary's disk has lost it, or an operator has
 * accepted its loss: the follower gives up nothing of it on a primary's word.
 */
export type Fit = 'fits' | 'copy' | 'foreign' | { readonly goOnAfter: bigint };

export function fitOf({ log, state }: PartitionDisk, append: PartitionAppend): Fit {
  const { previousIndex, previousEpoch, snapshotRequired } = append;
  const epoch = log.epochAt(previousIndex);
  if (epoch === previousEpoch) return snapshotRequired ? { goOnAfter: previousIndex } : 'fits';
  // What is before the base cannot be compared any more, the base itself can.
  if (previousIndex < log.base.index) return { goOnAfter: log.base.index };
  if (previousIndex <= state.position.index) return 'foreign';
  if (snapshotRequired) return 'copy';
  if (epoch === undefined) return { goOnAfter: log.last.index };
  return { goOnAfter: largerOf(log.firstOfEpochAt(previousIndex) - 1n, state.position.index) };
}

/**
 * Adds what is new of entries that fit, and cuts off what a later epoch has put another entry in the place of; the index
 * up to where the log is then known to equal the primary's, or undefined when an applied entry is not the primary's.
 * DATA_CORRUPT for a damaged record, INTERNAL for one in the wrong place.
 */
export function takeEntries(
  disk: PartitionDisk,
  { previousIndex, records, epoch }: PartitionAppend,
): bigint | undefined {
  const { log, state } = disk;
  let index = previousIndex;
  for (const record of records) {
    const position = checkRecord(record);
    index += 1n;
    if (position.index !== index || position.epoch > epoch) {
      const what = `entry ${position.index} of epoch ${position.epoch}`;
      throw new StratumError('INTERNAL', `${what} was sent as ${index} of ${epoch}`);
    }
    const known = log.epochAt(index);
    if (known === position.epoch) continue;
    if (index <= state.position.index) return undefined;
    if (known !== undefined) log.truncateAfter(index - 1n);
    log.append(Buffer.from(record));
  }
  disk.changed();
  return index;
}

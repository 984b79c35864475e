import { StratumError } from '../../../base/errors.ts';
import type { LogEntry } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateReader } from '../state.ts';
import type { Applied, EntryContext, OperationResults } from './applied.ts';
import { applyCreateRepo } from './apply-create-repo.ts';
import { applyDeleteRepo } from './apply-delete-repo.ts';
import { applyReplacePacks } from './apply-replace-packs.ts';
import { applySetHead } from './apply-set-head.ts';
import { applyUpdateRefs } from './apply-update-refs.ts';

/**
 * What an operation does to a partition's state. Pure: from the same state and entry come the same
 * writes and the same result on every replica, so nothing here may look at a clock, draw a random
 * number, or read anything but `state` and the entry. A refusal throws a StratumError; since
 * writes are returned and not made, nothing has happened then, and the entry is not logged.
 */
export function applyEntry(
  partition: number,
  state: StateReader,
  entry: LogEntry,
): Applied<OperationResults[keyof OperationResults]> {
  const context: EntryContext = { partition, index: entry.index, epoch: entry.epoch, atMs: entry.atMs };
  const { operation } = entry;
  switch (operation?.$case) {
    case 'createRepo':
      return applyCreateRepo(state, operation.value, context);
    case 'deleteRepo':
      return applyDeleteRepo(state, operation.value);
    case 'updateRefs':
      return applyUpdateRefs(state, operation.value, context);
    case 'replacePacks':
      return applyReplacePacks(state, operation.value, context);
    case 'setHead':
      return applySetHead(state, operation.value);
    default:
      throw new StratumError(
        'DATA_CORRUPT',
        `entry ${entry.index} of partition ${partition} holds no operation that this version knows`,
        undefined,
        { hint: 'run the version of Stratum that wrote the log' },
      );
  }
}

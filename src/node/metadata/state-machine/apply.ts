import { StratumError } from '../../../base/errors.ts';
import type { LogEntry } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateReader } from '../state.ts';
import type { Applied, EntryContext, OperationResults } from './applied.ts';
import { applyCreateRepo } from './apply-create-repo.ts';
import { applyDeleteRepo } from './apply-delete-repo.ts';
import { applyAcquireMaintenance, applyReleaseMaintenance } from './apply-maintenance.ts';
import { applyMoveRepo } from './apply-move-repo.ts';
import { applyPurgeRepo } from './apply-purge-repo.ts';
import { applyAbortRename, applyBeginRename, applyCommitRename } from './apply-rename.ts';
import { applyReplacePacks } from './apply-replace-packs.ts';
import { applyReleaseName, applyReserveName } from './apply-reserve-name.ts';
import { applySetHead } from './apply-set-head.ts';
import { applyUpdateRefs } from './apply-update-refs.ts';

/**
 * What an operation does to a partition's state. Pure: from the same state and entry come the same
 * writes and the same result on every replica, so nothing here may look at a clock, draw a random
 * number, or read anything but `state` and the entry. It is called when the entry is committed.
 * A refusal throws a StratumError; since writes are returned and not made, the entry has no
 * effect then, on any replica.
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
      return applyDeleteRepo(state, operation.value, context);
    case 'updateRefs':
      return applyUpdateRefs(state, operation.value, context);
    case 'replacePacks':
      return applyReplacePacks(state, operation.value, context);
    case 'setHead':
      return applySetHead(state, operation.value);
    case 'moveRepo':
      return applyMoveRepo(state, operation.value, context);
    case 'beginRename':
      return applyBeginRename(state, operation.value, context);
    case 'commitRename':
      return applyCommitRename(state, operation.value, context);
    case 'abortRename':
      return applyAbortRename(state, operation.value);
    case 'reserveName':
      return applyReserveName(state, operation.value);
    case 'releaseName':
      return applyReleaseName(state, operation.value);
    case 'purgeRepo':
      return applyPurgeRepo(state, operation.value, context);
    case 'acquireMaintenance':
      return applyAcquireMaintenance(state, operation.value, context);
    case 'releaseMaintenance':
      return applyReleaseMaintenance(state, operation.value);
    default:
      throw new StratumError(
        'DATA_CORRUPT',
        `entry ${entry.index} of partition ${partition} holds no operation that this version knows`,
        undefined,
        { hint: 'run the version of Stratum that wrote the log' },
      );
  }
}

import { StratumError } from '../../../base/errors.ts';
import type { PurgeRepoOperation, Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findDeletedRepo } from '../repo-state.ts';
import { prefixRange, type StateReader, type StateWrite } from '../state.ts';
import {
  changePrefix,
  deletedRepoKey,
  intentKey,
  maintenanceLeaseKey,
  packNamePrefix,
  packPrefix,
  packsReplacementKey,
  purgeKey,
  purgeRange,
  pushAnswerPrefix,
  pushExpiryKey,
  pushIdOfAnswerKey,
  refPrefix,
  repoIdOfPurgeKey,
} from '../state-keys.ts';
import { decodeAnswer, encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext, Operation, OperationResults } from './applied.ts';

/** Records that one step of a purge removes: some milliseconds of work on every replica. */
const rowsPerStepMax = 10_000;

/** Purges that are begun at a time. */
const duePurgesMax = 16;

/**
 * The purges that a primary should submit now, a step each: of the deleted repositories whose grace time is over. After
 * a step it looks again, until there are none.
 */
export function duePurges(state: StateReader, nowMs: number): Extract<Operation, { $case: 'purgeRepo' }>[] {
  const due = state.range({ ...purgeRange(BigInt(nowMs) + 1n), limit: duePurgesMax });
  return [...due].map(({ key }) => ({
    $case: 'purgeRepo',
    value: { repoId: repoIdOfPurgeKey(key), rowsMax: rowsPerStepMax },
  }));
}

/**
 * Removes some of what belongs to a deleted repository, in the last step the repository itself; one that is gone is
 * success. From the first step on it cannot be restored. VERSION_CONFLICT before its grace time is over.
 */
export function applyPurgeRepo(
  state: StateReader,
  { repoId, rowsMax }: PurgeRepoOperation,
  { atMs }: EntryContext,
): Applied<OperationResults['purgeRepo']> {
  const stored = findDeletedRepo(state, repoId);
  if (stored === undefined) return { writes: [], result: { done: true } };
  const { purgeAtMs = 0n } = stored.repo;
  if (!stored.purging && atMs < purgeAtMs) throw tooEarly(stored.repo);
  const writes = contentOf(state, repoId, rowsMax);
  const done = writes.length < rowsMax;
  if (!done) {
    writes.push({ key: deletedRepoKey(repoId), value: encodeRepo({ ...stored, purging: true }) });
    // A restore that has begun must not be finished.
    return { writes: [...writes, { key: intentKey(repoId), value: undefined }], result: { done } };
  }
  for (const key of [
    packsReplacementKey(repoId),
    maintenanceLeaseKey(repoId),
    intentKey(repoId),
    purgeKey(purgeAtMs, repoId),
    deletedRepoKey(repoId),
  ]) {
    writes.push({ key, value: undefined });
  }
  return { writes, result: { done } };
}

/** Removals of what has the repository's id in its key; fewer than `rowsMax` only when that is all. */
function contentOf(state: StateReader, repoId: string, rowsMax: number): StateWrite[] {
  const writes: StateWrite[] = [];
  for (const { key, value } of state.range({ ...prefixRange(pushAnswerPrefix(repoId)), limit: rowsMax })) {
    const expiry = pushExpiryKey(decodeAnswer(value).atMs, repoId, pushIdOfAnswerKey(key));
    writes.push({ key, value: undefined }, { key: expiry, value: undefined });
    if (writes.length >= rowsMax) return writes;
  }
  for (const prefix of [refPrefix(repoId), packPrefix(repoId), packNamePrefix(repoId), changePrefix(repoId)]) {
    const limit = rowsMax - writes.length;
    if (limit <= 0) return writes;
    for (const { key } of state.range({ ...prefixRange(prefix), limit })) writes.push({ key, value: undefined });
  }
  return writes;
}

function tooEarly({ name, id, purgeAtMs }: Repo): StratumError<'VERSION_CONFLICT'> {
  return new StratumError(
    'VERSION_CONFLICT',
    `deleted repository ${name} with id ${id} can be restored until ${purgeAtMs}`,
    { what: `repository ${name}`, expected: 'to be purged', current: 'kept' },
  );
}

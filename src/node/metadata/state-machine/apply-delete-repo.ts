import { StratumError } from '../../../base/errors.ts';
import { type DeleteRepoOperation, DeleteRepoRequest } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findAlias, findDeletedRepo, findRepo, repoMoved } from '../repo-state.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { deletedRepoKey, intentKey, purgeKey, repoKey } from '../state-keys.ts';
import { encodeBytes, encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext, OperationResults } from './applied.ts';
import { freedName } from './name-rows.ts';
import { countRepos } from './totals.ts';

/** For how long a deleted repository can be restored unless the request says otherwise: a week, so that a weekend does not matter. */
export const defaultGraceMs = 7n * 24n * 60n * 60n * 1000n;

/** A hundred years: later than any moment that matters, earlier than what a date cannot tell. */
export const graceMsMax = 100n * 365n * 24n * 60n * 60n * 1000n;

/**
 * Frees a repository's name and keeps the repository for its grace time. One that is deleted already, or is not there, is
 * success; VERSION_CONFLICT when another one has the name, REPO_MOVED when it is kept for one of another partition.
 */
export function applyDeleteRepo(
  state: StateReader,
  { request }: DeleteRepoOperation,
  { atMs }: EntryContext,
): Applied<OperationResults['deleteRepo']> {
  const { name, expectedId, graceMs = defaultGraceMs } = request ?? DeleteRepoRequest.create();
  const before = findDeletedRepo(state, expectedId);
  if (before !== undefined) return answer(true, before.repo.purgeAtMs);
  const stored = findRepo(state, name);
  if (stored === undefined) {
    const alias = findAlias(state, name);
    if (alias !== undefined) throw repoMoved(name, alias.home);
    return answer(false, undefined);
  }
  const { id } = stored.repo;
  if (id !== expectedId) throw isAnother(name, id, expectedId);
  const purgeAtMs = atMs + (graceMs < graceMsMax ? graceMs : graceMsMax);
  const repo = { ...stored.repo, deletedAtMs: atMs, purgeAtMs };
  const writes: StateWrite[] = [
    { key: repoKey(name), value: undefined },
    { key: intentKey(id), value: undefined },
    { key: deletedRepoKey(id), value: encodeRepo({ ...stored, repo, nameToken: Buffer.alloc(0) }) },
    { key: purgeKey(purgeAtMs, id), value: encodeBytes(Buffer.alloc(0)) },
    countRepos(state, -1n),
  ];
  return { writes, result: { response: { deleted: true, purgeAtMs }, freed: freedName(stored) } };
}

function answer(deleted: boolean, purgeAtMs: bigint | undefined): Applied<OperationResults['deleteRepo']> {
  return { writes: [], result: { response: { deleted, purgeAtMs }, freed: undefined } };
}

function isAnother(name: string, id: string, expectedId: string): StratumError<'VERSION_CONFLICT'> {
  return new StratumError(
    'VERSION_CONFLICT',
    `repository ${name} is not the one that was to be deleted: its id is ${id}, not ${expectedId}`,
    { what: `repository ${name}`, expected: expectedId, current: id },
    { hint: 'look at the repository that has the name now and decide anew' },
  );
}

import { StratumError } from '../../../base/errors.ts';
import type { BeginRenameOperation, FinishRenameOperation, Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findRepo } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { intentKey } from '../state-keys.ts';
import { encodeIntent } from '../state-records.ts';
import type { Applied, EntryContext, OperationResults, Renamed } from './applied.ts';
import { assertNoRename, findIntent, giveName, readNameable, repoExists } from './name-rows.ts';

/**
 * Notes that a repository shall get a name that leads to another partition (rename-across.ts). The same rename that was begun
 * before goes on with its token. REPO_NOT_FOUND, REPO_EXISTS; VERSION_CONFLICT while another rename is under way.
 */
export function applyBeginRename(
  state: StateReader,
  { repoId, name, newName, token }: BeginRenameOperation,
  { atMs }: EntryContext,
): Applied<OperationResults['beginRename']> {
  const present = findRepo(state, newName);
  if (present?.repo.id === repoId) return { writes: [], result: { repo: present.repo, token: undefined } };
  const { repo } = readNameable(state, name, repoId, atMs);
  if (present !== undefined) throw repoExists(newName);
  const earlier = findIntent(state, repoId);
  const isSame = earlier !== undefined && earlier.name === name && earlier.newName === newName;
  if (!isSame) assertNoRename(earlier, atMs);
  const intent = { name, newName, token: isSame ? earlier.token : token, begunAtMs: atMs };
  return {
    writes: [{ key: intentKey(repoId), value: encodeIntent(intent) }],
    result: { repo, token: intent.token },
  };
}

/** Gives the name that was reserved; done again it changes nothing. VERSION_CONFLICT when the intent is gone. */
export function applyCommitRename(
  state: StateReader,
  { repoId, token, newName }: FinishRenameOperation,
  { atMs }: EntryContext,
): Applied<Renamed> {
  const named = findNamed(state, { repoId, token, newName });
  if (named !== undefined) return { writes: [], result: { repo: named, freed: undefined } };
  const intent = findIntent(state, repoId);
  if (intent === undefined || !intent.token.equals(token)) throw aborted(newName);
  if (findRepo(state, intent.newName) !== undefined) throw repoExists(intent.newName);
  const stored = readNameable(state, intent.name, repoId, atMs);
  const { writes, ...result } = giveName(state, stored, intent.newName, token);
  return { writes, result };
}

/** Ends an intent. After it the token gives the name to nobody any more, unless it has done so already. */
export function applyAbortRename(
  state: StateReader,
  operation: FinishRenameOperation,
): Applied<OperationResults['abortRename']> {
  const { repoId, token } = operation;
  const isIntended = findIntent(state, repoId)?.token.equals(token) === true;
  return {
    writes: isIntended ? [{ key: intentKey(repoId), value: undefined }] : [],
    result: { repo: findNamed(state, operation) },
  };
}

/** The repository, if it has the name by that token. */
export function findNamed(state: StateReader, { repoId, token, newName }: FinishRenameOperation): Repo | undefined {
  const stored = findRepo(state, newName);
  return stored?.repo.id === repoId && stored.nameToken.equals(token) ? stored.repo : undefined;
}

function aborted(newName: string): StratumError<'VERSION_CONFLICT'> {
  return new StratumError(
    'VERSION_CONFLICT',
    `the rename to ${newName} was given up, or the repository was deleted or renamed meanwhile`,
    { what: `rename to ${newName}`, expected: 'under way', current: 'given up' },
    { hint: 'look which name the repository has now and decide anew' },
  );
}

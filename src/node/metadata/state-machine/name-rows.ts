import { StratumError } from '../../../base/errors.ts';
import type { RenameIntent } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findAlias, findDeletedRepo, findRepo, readRepoWithId, repoMoved, repoNotFound } from '../repo-state.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { deletedRepoKey, intentKey, isRepoId, purgeKey, repoKey } from '../state-keys.ts';
import { decodeIntent, encodeRepo, type StoredRepo } from '../state-records.ts';
import type { FreedName, Renamed } from './applied.ts';
import { countRepos } from './totals.ts';

/** How long a rename that has begun may keep others from its repository and its name: longer than any that is under way. */
export const intentKeptMs = 5n * 60n * 1000n;

const none = Buffer.alloc(0);

/** REPO_EXISTS when a repository of this partition has the name, REPO_MOVED when it is kept for one of another. */
export function assertNameFree(state: StateReader, name: string): void {
  if (findRepo(state, name) !== undefined) throw repoExists(name);
  const alias = findAlias(state, name);
  if (alias !== undefined) throw repoMoved(name, alias.home);
}

export function repoExists(name: string): StratumError<'REPO_EXISTS'> {
  return new StratumError('REPO_EXISTS', `repository ${name} exists already`, { kind: 'repository', id: name });
}

/** The rename of a repository that has begun. */
export function findIntent(state: StateReader, repoId: string): RenameIntent | undefined {
  const bytes = isRepoId(repoId) ? state.get(intentKey(repoId)) : undefined;
  return bytes === undefined ? undefined : decodeIntent(bytes);
}

/** VERSION_CONFLICT while another rename of the repository is under way. */
export function assertNoRename(intent: RenameIntent | undefined, atMs: bigint): void {
  if (intent === undefined || isOverdue(intent, atMs)) return;
  throw new StratumError(
    'VERSION_CONFLICT',
    `repository ${intent.name} is being renamed to ${intent.newName}`,
    { what: `name of repository ${intent.name}`, expected: intent.name, current: intent.newName },
    { hint: 'try again when that is done; what has been broken off ends after five minutes' },
  );
}

/** Whether whoever is kept from something by the intent may abort it. */
export function isOverdue({ begunAtMs }: RenameIntent, atMs: bigint): boolean {
  return atMs - begunAtMs > intentKeptMs;
}

/** A repository that shall get a name: by the name that it has, or without one the deleted repository; REPO_NOT_FOUND. */
export function readNameable(state: StateReader, name: string, repoId: string, atMs: bigint): StoredRepo {
  if (name !== '') return readRepoWithId(state, name, repoId);
  const stored = findDeletedRepo(state, repoId);
  if (stored !== undefined && !stored.purging && atMs < (stored.repo.purgeAtMs ?? 0n)) return stored;
  throw repoNotFound(`with id ${JSON.stringify(repoId.slice(0, 64))} that could be restored`);
}

/** The writes that give a repository its new name, by a token when the name leads to another partition. */
export function giveName(
  state: StateReader,
  stored: StoredRepo,
  newName: string,
  nameToken: Buffer = none,
): Renamed & { readonly writes: readonly StateWrite[] } {
  const { deletedAtMs, purgeAtMs, ...kept } = stored.repo;
  const repo = { ...kept, name: newName };
  const isDeleted = deletedAtMs !== undefined;
  const writes: StateWrite[] = [
    { key: isDeleted ? deletedRepoKey(repo.id) : repoKey(stored.repo.name), value: undefined },
    { key: intentKey(repo.id), value: undefined },
    { key: repoKey(newName), value: encodeRepo({ ...stored, repo, nameToken }) },
  ];
  if (!isDeleted) return { writes, repo, freed: freedName(stored) };
  writes.push({ key: purgeKey(purgeAtMs ?? 0n, repo.id), value: undefined }, countRepos(state, 1n));
  return { writes, repo, freed: undefined };
}

/** What becomes free in another partition when a repository no longer has its name. */
export function freedName({ repo: { name }, nameToken: token }: StoredRepo): FreedName | undefined {
  return token.length === 0 ? undefined : { name, token };
}

import { withDeadline } from '../../base/deadline.ts';
import { explain, hasCode, StratumError } from '../../base/errors.ts';
import type { FinishRenameOperation, Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import { releaseFreedName } from './claim-name.ts';
import type { MetadataModules } from './metadata-modules.ts';

/** A repository that shall get a name. */
export interface Naming {
  /** The partition that the repository is in. */
  readonly home: number;
  readonly repoId: string;
  /** The name that it has; empty for a deleted repository. */
  readonly name: string;
  readonly newName: string;
}

/** For the bounds of the queue: two names, an id and a token. */
const operationBytes = 2_048;

const tokenBytes = 16;

/** Milliseconds to reserve the name at its partition, which may be without a primary for a moment. */
const reserveTimeoutMs = 10_000;

/** Milliseconds to take a rename back. */
const abortTimeoutMs = 5_000;

/**
 * Renames a repository to a name that leads to another partition. The repository stays where it is, its home; the name's
 * partition gets an alias that says where. In the home's log, except where said:
 *
 *   begin    the intent: repository, new name, a token drawn for this rename
 *   reserve  in the log of the name's partition: the alias, with the token; REPO_EXISTS when the name is taken
 *   commit   if the intent with the token is still there: the row gets the new name and keeps the token
 *   release  in the log of the old name's partition, if that is another one: the old alias, by the old token
 *   abort    instead of a commit: the intent goes
 *
 * Why a name never has two repositories. A name belongs to whoever has, in the partition that it leads to, its one row or
 * its one alias; creating, moving and reserving all check both in one entry. A row under a name that leads elsewhere
 * is made by a commit alone. So it is enough that the alias of a token is there from the commit until its repository
 * has lost the name again: that nobody releases the alias of a token that is not DEAD, where dead means that home has no
 * intent with the token, and no row that got the name by it.
 * - Dead is for ever: a token is drawn once and its intent is logged before it is told to anybody, so the intent cannot
 *   come later; without the intent there is no commit, and without a commit no row.
 * - Who releases has seen it dead in a linearizable read of home, or in the result of an entry of its log: after an
 *   abort, after the repository was renamed again or deleted (freedName), or by ConfirmName (claim-name.ts).
 * - A release goes by the token, so one that comes late does not touch the alias of a later rename; a reservation that
 *   comes late makes an alias that is dead from the start. It leads nowhere, and goes when somebody wants the name.
 *
 * Who dies on the way leaves at most an intent and an alias. The same rename, asked for again, goes on with the same token.
 * Otherwise an intent keeps others away for five minutes and may then be aborted by whoever it is in the way of; by
 * whose clock the minutes are counted decides when, never what: all that matters is whether abort or commit is first in
 * home's log. Nothing here promises that a reader sees old and new name change in one moment: between commit and
 * release the old name leads to its home, which says that it is not there.
 */
export async function renameAcross(naming: Naming, modules: MetadataModules, signal: AbortSignal): Promise<Repo> {
  const { partitions, names, random } = modules;
  const { home, ...wanted } = naming;
  const options = { bytes: operationBytes, signal };
  const value = { ...wanted, token: random.bytes(tokenBytes) };
  const { repo: before, token } = await partitions.submit<'beginRename'>(
    home,
    { $case: 'beginRename', value },
    options,
  );
  if (token === undefined) return before;
  const { repoId, newName } = naming;
  const finish = { repoId, token, newName };
  try {
    const reservation = { name: newName, repoId, home, token };
    await names.reserveName(reservation, { timeoutMs: reserveTimeoutMs, signal });
    const commit = { $case: 'commitRename', value: finish } as const;
    const { repo, freed } = await partitions.submit<'commitRename'>(home, commit, options);
    await releaseFreedName(freed, modules);
    return repo;
  } catch (error) {
    const named = await abandon(home, finish, modules, error);
    // Somebody else asked for the same rename and was faster.
    if (named !== undefined) return named;
    signal.throwIfAborted();
    throw isAnswer(error) ? error : notRenamed(newName, error);
  }
}

/** Takes the rename back; the repository, if it has the new name all the same. Rejects with an error of the log: then the outcome is open. */
async function abandon(
  home: number,
  finish: FinishRenameOperation,
  modules: MetadataModules,
  why: unknown,
): Promise<Repo | undefined> {
  const { partitions, clock, log } = modules;
  log.info({ error: explain(why), name: finish.newName }, 'a rename is taken back');
  const { repo } = await withDeadline(clock, `abort of the rename to ${finish.newName}`, abortTimeoutMs, (signal) =>
    partitions.submit<'abortRename'>(home, { $case: 'abortRename', value: finish }, { bytes: operationBytes, signal }),
  );
  if (repo === undefined) await releaseFreedName({ name: finish.newName, token: finish.token }, modules);
  return repo;
}

/** Errors that are about this rename, not about another partition's state. */
function isAnswer(error: unknown): boolean {
  return hasCode(error, 'REPO_EXISTS') || hasCode(error, 'REPO_NOT_FOUND') || hasCode(error, 'VERSION_CONFLICT');
}

function notRenamed(newName: string, cause: unknown): StratumError<'NOT_READY'> {
  return new StratumError(
    'NOT_READY',
    `the partition that ${newName} leads to cannot keep the name now: ${explain(cause)}`,
    { what: `partition of ${newName}` },
    { hint: 'nothing was changed; try again', cause },
  );
}

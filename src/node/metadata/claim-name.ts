import { asStratumError, explain, hasCode, StratumError } from '../../base/errors.ts';
import type { NameAlias } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataModules } from './metadata-modules.ts';
import { findAlias } from './repo-state.ts';
import type { FreedName } from './state-machine/applied.ts';
import { repoExists } from './state-machine/name-rows.ts';

/** For the bounds of the queue: a name and a token. */
const operationBytes = 1_024;

/** Milliseconds for one question to another partition; whoever waits for the answer waits no longer. */
const questionTimeoutMs = 5_000;

/** Aliases that are cleared out of the way of one claim: each by itself is rare. */
const clearedMax = 3;

/** What is claimed, and where. */
interface Claim {
  readonly partition: number;
  readonly name: string;
  readonly signal: AbortSignal;
}

type ClaimModules = Pick<MetadataModules, 'partitions' | 'names' | 'log'>;

/**
 * Submits an operation that takes a name. Where the name is kept for a repository of another partition (REPO_MOVED), that
 * one is asked whether it still wants it: REPO_EXISTS if so, otherwise the alias is released, by its
 * token, and the operation submitted again (rename-across.ts says why that is safe).
 */
export async function claimName<T>(claim: Claim, submit: () => Promise<T>, modules: ClaimModules): Promise<T> {
  const { partitions } = modules;
  const { partition, name, signal } = claim;
  for (let cleared = 0; ; cleared += 1) {
    try {
      return await submit();
    } catch (error) {
      if (!hasCode(error, 'REPO_MOVED') || cleared === clearedMax) throw error;
      const alias = partitions.read(partition, (state) => findAlias(state, name));
      // The error was about another name, or the alias has gone meanwhile: the caller may try again.
      if (alias === undefined) throw error;
      if (await isHeld(alias, claim, modules)) throw repoExists(name);
      const value = { name, token: alias.token };
      await partitions.submit<'releaseName'>(
        partition,
        { $case: 'releaseName', value },
        { bytes: operationBytes, signal },
      );
    }
  }
}

/** NOT_READY when the partition that the name is kept for does not say: nothing was done then. */
async function isHeld(alias: NameAlias, { name, signal }: Claim, { names }: ClaimModules): Promise<boolean> {
  try {
    const { held } = await names.confirmName({ name, ...alias }, { timeoutMs: questionTimeoutMs, signal });
    return held;
  } catch (error) {
    signal.throwIfAborted();
    throw new StratumError(
      'NOT_READY',
      `name ${name} is kept for a repository of partition ${alias.home}, which does not say whether it still wants it: ${asStratumError(error).message}`,
      { what: `partition ${alias.home}` },
      { cause: error },
    );
  }
}

/**
 * Gives up a name that was kept for a repository in another partition. When that partition does not answer, the alias stays
 * until somebody wants the name: then it is found to lead nowhere.
 */
export async function releaseFreedName(
  freed: FreedName | undefined,
  { names, log }: Pick<MetadataModules, 'names' | 'log'>,
): Promise<void> {
  if (freed === undefined) return;
  try {
    await names.releaseName(freed, { timeoutMs: questionTimeoutMs });
  } catch (error) {
    log.warn({ error: explain(error), name: freed.name }, 'an old name stays reserved until somebody wants it');
  }
}

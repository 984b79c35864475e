import type { ErrorCode } from '../../base/error-codes.ts';
import { asStratumError, explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { ObjectFacts } from './object-facts.ts';
import { formatToWire } from './object-format.ts';
import { chooseHead, type JudgedCommand } from './push-rules.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** One compare-and-swap of refs. */
export interface RefUpdate {
  readonly repo: string;
  /** Undefined for a repository that this push creates. */
  readonly target: RepositoryRefs | undefined;
  readonly objectFormat: ObjectFormat;
  readonly atomic: boolean;
  readonly facts: ReadonlyMap<string, ObjectFacts>;
  /** Durable already. */
  readonly packs: readonly PackRef[];
}

/** What the swap works with. */
export interface RefUpdateModules {
  readonly metadata: MetadataApi;
  readonly refs: RefReader;
  readonly random: Random;
}

/** Milliseconds for the swap, retries within the metadata client included. */
const updateTimeoutMs = 30_000;

/** Errors after which nothing was changed for certain. After any other the outcome is unknown. */
const certainFailures: readonly ErrorCode[] = [
  'INVALID_ARGUMENT',
  'REF_NAME_INVALID',
  'REPO_NOT_FOUND',
  'NOT_FOUND',
  'TOO_LARGE',
  'OVERLOADED',
  'NOT_READY',
  'NOT_PRIMARY',
  'STALE_EPOCH',
  'VERSION_CONFLICT',
  'UNIMPLEMENTED',
];

/**
 * Swaps the refs of the commands that are not refused yet, creating the repository first where the
 * push does that. Each command's error is set. It is not tied to the client: once begun it is
 * brought to its end. Returns the repository when something was changed.
 */
export async function updateRefs(
  update: RefUpdate,
  commands: readonly JudgedCommand[],
  modules: RefUpdateModules,
): Promise<RepositoryRefs | undefined> {
  const wanted = commands.filter((command) => command.error === undefined);
  if (wanted.length === 0) return undefined;
  const target = update.target ?? (await createRepository(update, wanted, modules));
  const request = {
    repo: target.repo.name,
    repoId: target.repo.id,
    commands: wanted.map(({ name, oldId, newId }) => {
      return { name, oldId, newId, newPeeledId: update.facts.get(newId)?.peeledId ?? '' };
    }),
    atomic: update.atomic,
    packs: [...update.packs],
    pushId: modules.random.bytes(16),
    actor: 'anonymous',
  };
  try {
    const { results } = await modules.metadata.updateRefs(request, { timeoutMs: updateTimeoutMs });
    for (const [at, command] of wanted.entries()) {
      const result = results[at];
      if (result?.updated !== true) command.error = result?.errorMessage || result?.errorCode || 'failed to update ref';
    }
  } catch (cause) {
    const words = failureWords(asStratumError(cause));
    for (const command of wanted) command.error = words;
  }
  return wanted.some((command) => command.error === undefined) ? target : undefined;
}

async function createRepository(
  update: RefUpdate,
  commands: readonly JudgedCommand[],
  modules: RefUpdateModules,
): Promise<RepositoryRefs> {
  const request = { name: update.repo, objectFormat: formatToWire(update.objectFormat), head: chooseHead(commands) };
  try {
    await modules.metadata.createRepo(request, { timeoutMs: updateTimeoutMs });
  } catch (error) {
    // Another push was first: the swap decides which of the two wins each ref.
    if (!hasCode(error, 'REPO_EXISTS')) throw error;
  }
  const created = await modules.refs.read(update.repo);
  if (created.snapshot.objectFormat === update.objectFormat) return created;
  throw new StratumError(
    'PROTOCOL_ERROR',
    `repository ${update.repo} was created with ${created.snapshot.objectFormat} meanwhile, the push has ${update.objectFormat}`,
  );
}

function failureWords(error: StratumError): string {
  if (certainFailures.includes(error.code)) return `not updated: ${explain(error)}`;
  return `outcome unknown: ${explain(error)}; fetch to see whether the push was accepted`;
}

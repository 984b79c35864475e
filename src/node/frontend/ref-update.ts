import { asStratumError, hasCode, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { ObjectFacts } from './object-facts.ts';
import { formatToWire } from './object-format.ts';
import { failureWords, swapFailureWords } from './push-failure.ts';
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
  /** The pack list in which the objects were looked for that the new values build on; undefined when they build on none. */
  readonly packsGeneration?: bigint | undefined;
}

/** What the swap works with. */
export interface RefUpdateModules {
  readonly metadata: MetadataApi;
  readonly refs: RefReader;
  readonly random: Random;
}

/** Milliseconds for the swap, retries within the metadata client included. */
const updateTimeoutMs = 30_000;

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
  const target = update.target ?? (await createOrRefuse(update, wanted, modules));
  if (target === undefined) return undefined;
  const request = {
    repo: target.repo.name,
    repoId: target.repo.id,
    commands: wanted.map(({ name, oldId, newId }) => {
      return { name, oldId, newId, newPeeledId: update.facts.get(newId)?.peeledId ?? '' };
    }),
    atomic: update.atomic,
    packs: [...update.packs],
    packsGeneration: update.packsGeneration,
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
    refuse(wanted, swapFailureWords(asStratumError(cause)));
  }
  return wanted.some((command) => command.error === undefined) ? target : undefined;
}

/** Undefined when the repository could not be created; no ref was touched then, whatever became of it. */
async function createOrRefuse(
  update: RefUpdate,
  commands: readonly JudgedCommand[],
  modules: RefUpdateModules,
): Promise<RepositoryRefs | undefined> {
  try {
    return await createRepository(update, commands, modules);
  } catch (cause) {
    refuse(commands, `not updated: ${failureWords(asStratumError(cause))}`);
    return undefined;
  }
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

function refuse(commands: readonly JudgedCommand[], words: string): void {
  for (const command of commands) command.error = words;
}

import { StratumError } from '../../../base/errors.ts';
import { MiB } from '../../../base/units.ts';
import type {
  Ref,
  RefResult,
  Repo,
  UpdateRefsRequest,
  UpdateRefsResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { readRepoWithId, zeroOfRepo } from '../repo-state.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { changeKey, encodePosition, refKey, refPrefix, repoKey } from '../state-keys.ts';
import { changesPerRecord, encodeChanges, encodeRef, encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';
import { changePacks } from './pack-list.ts';
import { keepAnswer, replayedAnswer, updated } from './push-answers.ts';
import { judgeCommands, type RefFault, type RefVerdict } from './ref-judgement.ts';

/** What a repository's refs may take in one answer of GetRefs: a message holds 64 MiB, less a margin. */
export const refBytesMax = 60 * MiB;

/** What a ref takes in a message beside its name and ids: tags and lengths of four fields. */
const refOverheadBytes = 16;

/** The words that git gives to the commands of an atomic push that are not at fault themselves. */
export const atomicFailure: RefFault = { code: 'REF_CONFLICT', message: 'atomic push failure' };

/**
 * Compare-and-swap of refs, and the packs that the new values need. Commands come screened
 * (screen-ref-commands.ts): names and ids are well formed, each name occurs once. Packs are
 * added when at least one command succeeded. REPO_NOT_FOUND when the repository is another one,
 * VERSION_CONFLICT when objects were dropped since those of the push were looked for.
 */
export function applyUpdateRefs(
  state: StateReader,
  request: UpdateRefsRequest,
  context: EntryContext,
): Applied<UpdateRefsResponse> {
  const stored = readRepoWithId(state, request.repo, request.repoId);
  const replayed = replayedAnswer(state, request);
  if (replayed !== undefined) return { writes: [], result: replayed };
  assertNothingDropped(stored.repo, request.packsGeneration);

  const verdicts = judgeCommands(state, stored.repo, request.commands);
  const refBytes = limitGrowth(verdicts, stored.refBytes);
  if (request.atomic && verdicts.some(({ fault }) => fault !== undefined)) {
    for (const verdict of verdicts) verdict.fault ??= atomicFailure;
  }
  const granted = verdicts.filter(({ fault }) => fault === undefined);
  const changed = granted.filter(isChange);
  const added = granted.length === 0 ? [] : request.packs;
  const packs = changePacks(state, stored.repo, { remove: [], add: added }, context);
  const repo = changed.length === 0 ? packs.repo : withChangedRefs(packs.repo, changed);
  const result = {
    results: verdicts.map(resultOf),
    refsGeneration: repo.refsGeneration,
    replayed: false,
  };
  const writes = [
    ...packs.writes,
    ...refWrites(request, repo, changed, context),
    ...keepAnswer(state, request, result, context),
  ];
  if (repo !== stored.repo) {
    // In an atomic push that failed, nothing has grown.
    const value = encodeRepo({ ...stored, repo, refBytes: granted.length === 0 ? stored.refBytes : refBytes });
    writes.push({ key: repoKey(request.repo), value });
  }
  if (changed.length === 0) return { writes, result };
  const refs = new Map(changed.map(({ command, after }) => [command.name, after]));
  const { refsGeneration: fromGeneration } = stored.repo;
  const refsChange = { repoId: repo.id, fromGeneration, toGeneration: repo.refsGeneration, refs };
  return { writes, result, refsChange };
}

function assertNothingDropped(repo: Repo, checkedGeneration: bigint | undefined): void {
  const { name, packsDroppedGeneration: dropped } = repo;
  if (checkedGeneration === undefined || dropped === undefined || checkedGeneration >= dropped) return;
  throw new StratumError(
    'VERSION_CONFLICT',
    `the push builds on packs of repository ${name} of which some were dropped meanwhile`,
    { what: `packs of repository ${name}`, expected: String(checkedGeneration), current: String(dropped) },
    { hint: 'push again' },
  );
}

/** Faults the creations that would outgrow the limit; the size of all refs if the others happen. */
function limitGrowth(verdicts: readonly RefVerdict[], storedBytes: number): number {
  let bytes = storedBytes;
  const granted = verdicts.filter(({ fault }) => fault === undefined);
  for (const { before, after } of granted) if (after === undefined) bytes -= sizeOf(before);
  for (const verdict of granted) {
    if (verdict.after === undefined) continue;
    if (!isChange(verdict)) continue;
    const growth = sizeOf(verdict.after) - sizeOf(verdict.before);
    if (growth > 0 && bytes + growth > refBytesMax) {
      verdict.fault = { code: 'TOO_LARGE', message: `the repository's refs would take more than ${refBytesMax} bytes` };
    } else {
      bytes += growth;
    }
  }
  return bytes;
}

/** A ref that is set to what it is already, as git pushes it at times, is no change. */
function isChange({ before, after }: RefVerdict): boolean {
  return before?.objectId !== after?.objectId;
}

function sizeOf(ref: Ref | undefined): number {
  if (ref === undefined) return 0;
  return refOverheadBytes + Buffer.byteLength(ref.name) + ref.objectId.length + ref.peeledId.length;
}

function withChangedRefs(repo: Repo, changed: readonly RefVerdict[]): Repo {
  const created = changed.filter(({ before }) => before === undefined).length;
  const deleted = changed.filter(({ after }) => after === undefined).length;
  return {
    ...repo,
    refsGeneration: repo.refsGeneration + 1n,
    refCount: repo.refCount + BigInt(created) - BigInt(deleted),
  };
}

function refWrites(
  { repoId, actor, pushId }: UpdateRefsRequest,
  repo: Repo,
  changed: readonly RefVerdict[],
  { index, epoch, atMs }: EntryContext,
): StateWrite[] {
  const prefix = refPrefix(repoId);
  const zero = zeroOfRepo(repo);
  const writes: StateWrite[] = changed.map(({ command: { name }, after }) => ({
    key: refKey(prefix, name),
    value: after === undefined ? undefined : encodeRef(after),
  }));
  for (let ordinal = 0; ordinal < changed.length; ordinal += changesPerRecord) {
    const entries = changed.slice(ordinal, ordinal + changesPerRecord).map(({ command: { name }, before, after }) => {
      const ids = { oldId: before?.objectId ?? zero, newId: after?.objectId ?? zero };
      return { index, epoch, atMs, actor, ref: name, ...ids, pushId };
    });
    writes.push({ key: changeKey(repoId, encodePosition({ index, ordinal })), value: encodeChanges(entries) });
  }
  return writes;
}

function resultOf({ command: { name }, fault }: RefVerdict): RefResult {
  if (fault === undefined) return updated(name);
  return { name, updated: false, errorCode: fault.code, errorMessage: fault.message };
}

import type { ErrorCode } from '../../../base/error-codes.ts';
import type { Ref, RefCommand, Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { refReader, zeroOfRepo } from '../repo-state.ts';
import { emptyState, type StateReader } from '../state.ts';
import { RefNamespace } from './ref-namespace.ts';

/** Why a command was refused: a code of the error table and git's own words for it. */
export interface RefFault {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What becomes of one command: its fault, or the ref as it was and as it shall be. */
export interface RefVerdict {
  readonly command: RefCommand;
  fault: RefFault | undefined;
  readonly before: Ref | undefined;
  /** Undefined for a deletion. */
  readonly after: Ref | undefined;
}

/**
 * Judges each command against the refs as they are: its old value must be the current one, and a
 * new name must not clash with another as a file does with a folder. Deletions that are granted
 * make room for the creations of the same request.
 */
export function judgeCommands(stored: StateReader, repo: Repo, commands: readonly RefCommand[]): RefVerdict[] {
  // The largest pushes are the first ones, of whole mirrors: then there is nothing to look up.
  const state = repo.refCount === 0n ? emptyState : stored;
  const read = refReader(state, repo.id);
  const zero = zeroOfRepo(repo);
  const verdicts = commands.map((command) => judgeValue(command, read(command.name), zero));
  const granted = verdicts.filter(({ fault }) => fault === undefined);
  const deleted = granted.filter(({ after }) => after === undefined).map(({ command }) => command.name);
  const namespace = new RefNamespace(state, repo.id, new Set(deleted));
  for (const verdict of granted) {
    if (verdict.before !== undefined || verdict.after === undefined) continue;
    const { name } = verdict.command;
    const clash = namespace.clashOf(name);
    if (clash === undefined) namespace.add(name);
    else verdict.fault = conflict(name, `'${clash}' exists; cannot create '${name}'`);
  }
  return verdicts;
}

function judgeValue(command: RefCommand, before: Ref | undefined, zero: string): RefVerdict {
  const { name, oldId, newId, newPeeledId } = command;
  const after = newId === zero ? undefined : { name, objectId: newId, peeledId: newPeeledId };
  return { command, before, after, fault: valueFault(name, oldId === zero ? undefined : oldId, before) };
}

function valueFault(name: string, oldId: string | undefined, before: Ref | undefined): RefFault | undefined {
  if (oldId === undefined) return before === undefined ? undefined : conflict(name, 'reference already exists');
  if (before === undefined) return conflict(name, `unable to resolve reference '${name}'`);
  return before.objectId === oldId ? undefined : conflict(name, `is at ${before.objectId} but expected ${oldId}`);
}

/** As git's ref transactions word it. */
function conflict(name: string, why: string): RefFault {
  return { code: 'REF_CONFLICT', message: `cannot lock ref '${name}': ${why}` };
}

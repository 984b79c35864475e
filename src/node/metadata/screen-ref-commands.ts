import { isObjectId, isZeroId, type ObjectFormat, zeroId } from '../../git/object-id.ts';
import { refNameFault } from '../../git/ref-name.ts';
import type { RefCommand, RefResult } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { RefFault } from './state-machine/ref-judgement.ts';

/** Commands after the look that needs no state: what is wrong with each, by its place; undefined for the sound ones. */
export type Screening = readonly (RefFault | undefined)[];

/**
 * Finds the commands that can never be carried out: bad names, bad ids, several for one ref. Done
 * before the log, so that the state machine's meaning does not change with the rules of names.
 */
export function screenRefCommands(commands: readonly RefCommand[], format: ObjectFormat): Screening {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name } of commands) {
    if (seen.has(name)) repeated.add(name);
    seen.add(name);
  }
  return commands.map((command) =>
    repeated.has(command.name)
      ? invalid(`multiple updates for ref '${command.name}' not allowed`)
      : faultOf(command, format),
  );
}

/** The results of all commands in order: of the screened-out ones their faults, of the others what the log said. */
export function mergeResults(
  commands: readonly RefCommand[],
  screening: Screening,
  logged: readonly RefResult[],
  otherwise: RefFault,
): RefResult[] {
  let next = 0;
  return commands.map(({ name }, at) => {
    const fault = screening[at];
    if (fault !== undefined) return failed(name, fault);
    const result = logged[next];
    next += 1;
    return result ?? failed(name, otherwise);
  });
}

function faultOf({ name, oldId, newId, newPeeledId }: RefCommand, format: ObjectFormat): RefFault | undefined {
  const nameFault = refNameFault(name);
  // Git's words. A ref directly below "refs/" may be deleted but not made: it would take a whole name space.
  if (nameFault !== undefined) return { code: 'REF_NAME_INVALID', message: `funny refname: it ${nameFault}` };
  if (name.split('/').length < 3 && !isZeroId(newId)) {
    return { code: 'REF_NAME_INVALID', message: "funny refname: it needs two components below 'refs/'" };
  }
  const bad = [
    { what: 'old id', id: oldId },
    { what: 'new id', id: newId },
    { what: 'peeled id', id: newPeeledId === '' ? newId : newPeeledId },
  ].find(({ id }) => !isObjectId(id, format));
  if (bad !== undefined) return invalid(`the ${bad.what} is not an object id of a ${format} repository`);
  if (oldId === newId && newId === zeroId(format))
    return invalid('the old and the new id both say that there is no ref');
  return undefined;
}

function invalid(message: string): RefFault {
  return { code: 'INVALID_ARGUMENT', message };
}

function failed(name: string, { code, message }: RefFault): RefResult {
  return { name, updated: false, errorCode: code, errorMessage: message };
}

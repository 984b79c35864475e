import { isObjectId, type ObjectFormat, zeroId } from '../../git/object-id.ts';
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
  if (!isObjectId(oldId, format)) return badId('old', format);
  if (!isObjectId(newId, format)) return badId('new', format);
  if (newPeeledId !== '' && !isObjectId(newPeeledId, format)) return badId('peeled', format);
  const isDeletion = newId === zeroId(format);
  if (!isDeletion && name.indexOf('/', 'refs/'.length) === -1) {
    return { code: 'REF_NAME_INVALID', message: "funny refname: it needs two components below 'refs/'" };
  }
  return isDeletion && oldId === newId ? invalid('the old and the new id both say that there is no ref') : undefined;
}

function badId(which: string, format: ObjectFormat): RefFault {
  return invalid(`the ${which} id is not an object id of a ${format} repository`);
}

function invalid(message: string): RefFault {
  return { code: 'INVALID_ARGUMENT', message };
}

function failed(name: string, { code, message }: RefFault): RefResult {
  return { name, updated: false, errorCode: code, errorMessage: message };
}

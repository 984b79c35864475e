import { isZeroId } from '../../git/object-id.ts';
import type { PushCommand } from '../../git/receive-pack-request.ts';
import { refNameFault } from '../../git/ref-name.ts';
import type { ObjectFacts } from './object-facts.ts';

/** A ref command and, once it is refused, why. */
export interface JudgedCommand extends PushCommand {
  error: string | undefined;
}

/** Words for the other commands of an atomic push of which one fails, as git has them. */
export const atomicFailure = 'atomic push failure';

/** Judges what can be judged before the pack is there: names, duplicates, the branch that HEAD points at. */
export function judgeCommands(commands: readonly PushCommand[], head: string | undefined): JudgedCommand[] {
  const counts = new Map<string, number>();
  for (const { name } of commands) counts.set(name, (counts.get(name) ?? 0) + 1);
  return commands.map((command) => ({ ...command, error: commandFault(command, counts.get(command.name) ?? 0, head) }));
}

/** Judges what the new values are: a branch is a commit, and nothing that a ref leads to is missing. */
export function judgeValues(
  commands: readonly JudgedCommand[],
  disconnected: ReadonlySet<string>,
  facts: ReadonlyMap<string, ObjectFacts>,
  isShallow: boolean,
): void {
  for (const command of commands) {
    if (command.error !== undefined || isZeroId(command.newId)) continue;
    const type = facts.get(command.newId)?.type;
    if (disconnected.has(command.newId) || type === undefined) {
      command.error = isShallow ? 'shallow update not allowed' : 'missing necessary objects';
    } else if (command.name.startsWith('refs/heads/') && type !== 'commit') {
      command.error = `cannot point a branch at a ${type}`;
    }
  }
}

/** In an atomic push one refused command refuses all. */
export function applyAtomic(commands: readonly JudgedCommand[], atomic: boolean): void {
  if (!atomic || commands.every((command) => command.error === undefined)) return;
  for (const command of commands) command.error ??= atomicFailure;
}

/** The branch that HEAD of a new repository points at: main if it is pushed, else master, else the first branch. */
export function chooseHead(commands: readonly JudgedCommand[]): string {
  const branches = commands
    .filter(({ name, newId, error }) => error === undefined && name.startsWith('refs/heads/') && !isZeroId(newId))
    .map(({ name }) => name);
  const preferred = ['refs/heads/main', 'refs/heads/master'].find((name) => branches.includes(name));
  return preferred ?? branches[0] ?? 'refs/heads/main';
}

function commandFault(command: PushCommand, count: number, head: string | undefined): string | undefined {
  const fault = refNameFault(command.name);
  if (fault !== undefined) return `funny refname: ${fault}`;
  if (count > 1) return `multiple updates for ref '${command.name}' not allowed`;
  if (isZeroId(command.newId) && command.name === head) return 'refusing to delete the current branch';
  return undefined;
}

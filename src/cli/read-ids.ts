import { StratumError } from '../base/errors.ts';
import type { CommandIo } from './io.ts';
import { type InputLine, readLines } from './read-lines.ts';

/**
 * The ids that a command is to work on: its arguments, or with --stdin one a line, as they arrive.
 * Throws USAGE at once for both or neither; `argument` is what the command line calls an id.
 */
export function readIds(
  given: readonly string[] | undefined,
  fromStdin: boolean,
  io: CommandIo,
  argument: string,
): AsyncIterable<readonly InputLine[]> {
  const ids = given ?? [];
  if (fromStdin && ids.length > 0) {
    throw new StratumError('USAGE', 'give ids or --stdin, not both', undefined, { hint: 'leave one of them out' });
  }
  if (fromStdin) return idLines(io);
  if (ids.length > 0) return once(ids.map((text) => ({ text, number: 0 })));
  throw new StratumError('USAGE', `missing argument ${argument}`, undefined, { hint: 'give one, or --stdin for many' });
}

async function* idLines(io: CommandIo): AsyncGenerator<readonly InputLine[]> {
  for await (const lines of readLines(io.stdin, io.interrupted)) {
    const ids: InputLine[] = [];
    for (const line of lines) {
      const text = withoutComment(line.text);
      if (text !== '') ids.push(text === line.text ? line : { ...line, text });
    }
    if (ids.length > 0) yield ids;
  }
}

/**
 * Runbooks are commented, blank lines part them, and those of Windows have a carriage return at each end. A ref may
 * have a number sign in its name, but no blank before it.
 */
function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, '').trim();
}

async function* once<T>(item: T): AsyncGenerator<T> {
  yield item;
}

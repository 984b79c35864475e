import { StratumError } from '../base/errors.ts';
import type { CommandIo } from './io.ts';
import { type InputLine, readLines } from './read-lines.ts';

/**
 * The ids that a command is to work on: its arguments, or with --stdin one a line, as they arrive.
 * Throws USAGE at once for both or neither.
 */
export function readIds(
  given: readonly string[] | undefined,
  fromStdin: boolean,
  io: CommandIo,
): AsyncIterable<readonly InputLine[]> {
  const ids = given ?? [];
  if (fromStdin && ids.length > 0) {
    throw new StratumError('USAGE', 'give ids or --stdin, not both', undefined, { hint: 'leave one of them out' });
  }
  if (fromStdin) return idLines(io);
  if (ids.length > 0) return once(ids.map((text) => ({ text, number: 0 })));
  throw new StratumError('USAGE', 'missing argument OID', undefined, { hint: 'give an id, or --stdin for many' });
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

/** Runbooks are commented, blank lines part them, and those of Windows have a carriage return at each end. */
function withoutComment(line: string): string {
  const comment = line.indexOf('#');
  return (comment === -1 ? line : line.slice(0, comment)).trim();
}

async function* once<T>(item: T): AsyncGenerator<T> {
  yield item;
}

import { createInterface } from 'node:readline';
import { StratumError } from '../base/errors.ts';
import type { CommandIo } from './io.ts';

/** The ids that a command is to work on: its argument, or with --stdin one a line; USAGE for both or neither. */
export async function readIds(argument: string | undefined, fromStdin: boolean, io: CommandIo): Promise<string[]> {
  if (fromStdin && argument !== undefined) {
    throw new StratumError('USAGE', 'give an id or --stdin, not both', undefined, { hint: 'leave one of them out' });
  }
  if (!fromStdin) {
    if (argument !== undefined) return [argument];
    throw new StratumError('USAGE', 'missing argument OID', undefined, { hint: 'give an id, or --stdin for many' });
  }
  const ids: string[] = [];
  for await (const line of createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    // Runbooks are commented; blank lines part them.
    const id = line.replace(/#.*/, '').trim();
    if (id !== '') ids.push(id);
  }
  return ids;
}

import { isSea } from 'node:sea';

/** A program with its first arguments. */
export type SelfCommand = readonly [program: string, ...args: string[]];

/** How to start this program again: the packed binary alone, otherwise Node with the script that runs now. */
export function selfCommand(): SelfCommand {
  if (isSea()) return [process.execPath];
  const [, script] = process.argv;
  return script === undefined ? [process.execPath] : [process.execPath, ...process.execArgv, script];
}

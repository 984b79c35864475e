import { isSea } from 'node:sea';

/** How to start this program again: the packed binary alone, otherwise Node with the script that runs now. */
export function selfCommand(): readonly [command: string, ...args: string[]] {
  if (isSea()) return [process.execPath];
  const [, script] = process.argv;
  return script === undefined ? [process.execPath] : [process.execPath, ...process.execArgv, script];
}

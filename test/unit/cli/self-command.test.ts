import { describe, expect, it } from 'vitest';
import { selfCommand } from '../../../src/cli/self-command.ts';

describe('the command that starts this program again', () => {
  it('is Node with the script that runs now, unless the program is packed', () => {
    const [program, ...args] = selfCommand();
    expect(program).toBe(process.execPath);
    expect(args.at(-1)).toBe(process.argv[1]);
  });
});

import { describe, expect, it } from 'vitest';
import { type CommandClass, flagsOf } from '../../../src/cli/command-table.ts';
import { commandTable } from '../../../src/commands/index.ts';

function flagText(name: string, flag: ReturnType<typeof flagsOf>[string]): string {
  const spelled = flag.char === undefined ? `--${name}` : `-${flag.char}, --${name}`;
  const value = flag.type === 'option' ? ` ${flag.options?.join('|') ?? String(flag.helpValue)}` : '';
  const repeated = flag.type === 'option' && flag.multiple ? ' ...' : '';
  const given = typeof flag.default === 'string' ? ` (${flag.default})` : '';
  return `${spelled}${value}${repeated}${given}${flag.required ? ' required' : ''}${flag.hidden ? ' hidden' : ''}`;
}

function describeCommand(command: CommandClass) {
  const args = Object.entries(command.args).map(([name, { required }]) => (required ? name : `[${name}]`));
  return {
    args,
    flags: Object.entries(flagsOf(command))
      .map(([name, flag]) => flagText(name, flag))
      .sort(),
  };
}

describe('the command line', () => {
  it('changes only on purpose: commands, arguments and flags', () => {
    const commands = Object.entries(commandTable.commands).map(([id, command]) => [
      `stratum ${id.replaceAll(':', ' ')}${command.hidden ? ' (hidden)' : ''}`,
      describeCommand(command),
    ]);
    expect(Object.fromEntries(commands)).toMatchSnapshot();
  });

  it.each(Object.entries(commandTable.commands))(
    '%s knows its own name, says what it does and gives an example',
    (id, command) => {
      expect(command.id).toBe(id);
      expect(command.summary).toMatch(/^[A-Z][^\n]{10,100}[^.]$/);
      expect(command.examples.length).toBeGreaterThan(0);
    },
  );

  it('has a description of every topic', () => {
    const topics = new Set(
      Object.keys(commandTable.commands).flatMap((id) => {
        const words = id.split(':').slice(0, -1);
        return words.map((_, index) => words.slice(0, index + 1).join(':'));
      }),
    );
    expect([...topics].sort()).toEqual(Object.keys(commandTable.topics).sort());
  });
});

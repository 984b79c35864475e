import type { Config, Interfaces } from '@oclif/core';
import type { BaseCommand } from './base-command.ts';

/** A command's class as the program starts it. */
export interface CommandClass {
  new (argv: string[], config: Config): BaseCommand;
  readonly id: string;
  readonly summary?: string;
  readonly description: string | undefined;
  readonly examples: readonly (string | { command: string; description: string })[];
  readonly args: Interfaces.ArgInput;
  readonly flags: Interfaces.FlagInput;
  readonly baseFlags: Interfaces.FlagInput;
  readonly hidden: boolean;
  readonly strict: boolean;
  readonly usage: string | string[] | undefined;
}

/** All commands by id ("repo:create"), and what each topic ("repo") is about. */
export interface CommandTable {
  readonly commands: Readonly<Record<string, CommandClass>>;
  readonly topics: Readonly<Record<string, string>>;
}

/** All flags of a command, its own last. */
export function flagsOf(command: CommandClass): Interfaces.FlagInput {
  return { ...command.baseFlags, ...command.flags };
}

/** What a command line's words name. */
export type Lookup =
  | { readonly kind: 'command'; readonly id: string; readonly rest: readonly string[] }
  | { readonly kind: 'topic'; readonly name: string }
  | { readonly kind: 'unknown'; readonly typed: string; readonly candidates: readonly string[] };

/**
 * The command that the leading words name: the longest id that they spell. Words that lead into a
 * topic and no further are that topic, or an unknown command of it.
 */
export function lookUp(table: CommandTable, argv: readonly string[]): Lookup {
  const words = leadingWords(argv);
  for (let length = words.length; length > 0; length -= 1) {
    const id = words.slice(0, length).join(':');
    if (Object.hasOwn(table.commands, id)) return { kind: 'command', id, rest: argv.slice(length) };
  }
  const visible = Object.entries(table.commands).filter(([, command]) => !command.hidden);
  const ids = visible.map(([id]) => id.replaceAll(':', ' '));
  for (let length = words.length; length > 0; length -= 1) {
    const name = words.slice(0, length).join(' ');
    const below = ids.filter((id) => id.startsWith(`${name} `));
    if (below.length === 0) continue;
    if (length === words.length) return { kind: 'topic', name: name.replaceAll(' ', ':') };
    return { kind: 'unknown', typed: words.slice(0, length + 1).join(' '), candidates: below };
  }
  return { kind: 'unknown', typed: words.slice(0, 2).join(' '), candidates: ids };
}

function leadingWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith('-'));
  return argv.slice(0, end === -1 ? argv.length : end);
}

import type { Interfaces } from '@oclif/core';
import { type CommandClass, type CommandTable, flagsOf, lookUp } from './command-table.ts';

/** A word that could stand at the cursor. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What could stand at the cursor; `paths` asks the shell to offer files or folders itself. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly paths: 'none' | 'files' | 'folders';
}

/** Names that are known only when they are asked for. What a cluster would have to say may be empty, and never fails. */
export interface CompletionNames {
  contexts(): Promise<readonly string[]>;
  nodes(): Promise<readonly Candidate[]>;
  /** The numbers of the partitions. */
  partitions(): Promise<readonly Candidate[]>;
  repos(prefix: string): Promise<readonly Candidate[]>;
  /** The refs of a repository whose full names begin so. */
  refs(repo: string, prefix: string): Promise<readonly Candidate[]>;
}

const nothing: Completion = { candidates: [], paths: 'none' };

/**
 * Completes a command line. `words` are those behind the program's name up to the cursor; the last
 * one is being typed and may be empty.
 */
export async function complete(
  table: CommandTable,
  words: readonly string[],
  names: CompletionNames,
): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const found = lookUp(table, before);
  if (found.kind !== 'command') return subcommands(table, before, current);
  const command = table.commands[found.id];
  if (command === undefined) return nothing;
  const deeper = found.rest.length === 0 ? subcommands(table, before, current) : nothing;
  const own = await completeCommand(command, found.rest, current, names);
  return { candidates: [...deeper.candidates, ...own.candidates], paths: own.paths };
}

function subcommands(table: CommandTable, before: readonly string[], current: string): Completion {
  if (before.some((word) => word.startsWith('-'))) return nothing;
  const prefix = before.map((word) => `${word}:`).join('');
  const candidates = new Map<string, string>();
  for (const [id, command] of Object.entries(table.commands)) {
    if (command.hidden || !id.startsWith(prefix)) continue;
    const [word = '', ...deeper] = id.slice(prefix.length).split(':');
    const description = deeper.length === 0 ? command.summary : table.topics[`${prefix}${word}`];
    if (word.startsWith(current)) candidates.set(word, description ?? '');
  }
  return { candidates: [...candidates].map(([value, description]) => ({ value, description })), paths: 'none' };
}

async function completeCommand(
  command: CommandClass,
  before: readonly string[],
  current: string,
  names: CompletionNames,
): Promise<Completion> {
  const flags = flagsOf(command);
  const [, joinedFlag, joinedValue] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  if (joinedFlag !== undefined && joinedValue !== undefined) {
    const completion = await values(flagNamed(flags, joinedFlag), joinedValue, names);
    const candidates = completion.candidates.map((each) => ({ ...each, value: `${joinedFlag}=${each.value}` }));
    return { ...completion, candidates };
  }
  const previous = flagNamed(flags, before.at(-1) ?? '');
  if (previous?.type === 'option' && !before.slice(0, -1).includes('--')) return values(previous, current, names);
  if (current.startsWith('-')) return { candidates: flagCandidates(flags, before, current), paths: 'none' };
  return argument(command, flags, before, current, names);
}

function flagNamed(flags: Interfaces.FlagInput, typed: string): Interfaces.FlagInput[string] | undefined {
  if (typed.startsWith('--')) {
    const name = typed.slice(2);
    return flags[name] ?? Object.values(flags).find((flag) => flag.aliases?.includes(name));
  }
  return /^-[A-Za-z]$/.test(typed) ? Object.values(flags).find((flag) => flag.char === typed[1]) : undefined;
}

async function values(
  flag: Interfaces.FlagInput[string] | undefined,
  current: string,
  names: CompletionNames,
): Promise<Completion> {
  if (flag?.type !== 'option') return nothing;
  if (flag.options !== undefined) return { candidates: startingWith(flag.options, current), paths: 'none' };
  switch (flag.helpValue) {
    case '<file>':
      return { candidates: [], paths: 'files' };
    case '<folder>':
      return { candidates: [], paths: 'folders' };
    case '<scope>':
      return { candidates: await scopes(current, names), paths: 'none' };
    case '<node>':
      return { candidates: beginning(await names.nodes(), current), paths: 'none' };
    case '<repo>':
      return { candidates: beginning(await names.repos(current), current), paths: 'none' };
    case '<context>':
      return { candidates: startingWith(await names.contexts(), current), paths: 'none' };
    default:
      return nothing;
  }
}

async function scopes(current: string, names: CompletionNames): Promise<Candidate[]> {
  const prefix = 'partition:';
  if (!current.startsWith(prefix)) return startingWith(['coordinator', 'consensus', prefix], current);
  const all = (await names.partitions()).map((each) => ({ ...each, value: `${prefix}${each.value}` }));
  return beginning(all, current);
}

function flagCandidates(flags: Interfaces.FlagInput, before: readonly string[], current: string): Candidate[] {
  return Object.entries(flags)
    .filter(([name, flag]) => flag.hidden !== true && `--${name}`.startsWith(current))
    .filter(([name, flag]) => (flag.type === 'option' && flag.multiple === true) || !before.includes(`--${name}`))
    .map(([name, flag]) => ({ value: `--${name}`, description: flag.summary ?? flag.description ?? '' }))
    .toSorted((a, b) => (a.value < b.value ? -1 : 1));
}

async function argument(
  command: CommandClass,
  flags: Interfaces.FlagInput,
  before: readonly string[],
  current: string,
  names: CompletionNames,
): Promise<Completion> {
  const given = before.filter((word, index) => {
    const takesValue = flagNamed(flags, before[index - 1] ?? '')?.type === 'option';
    return !word.startsWith('-') && !takesValue;
  });
  const all = Object.entries(command.args);
  const last = all.at(-1);
  // One that takes many goes on to the end of the line.
  const [name, definition] = all[given.length] ?? (last?.[1].multiple === true ? last : []);
  if (definition?.options !== undefined)
    return { candidates: startingWith(definition.options, current), paths: 'none' };
  switch (name) {
    case 'file':
      return { candidates: [], paths: 'files' };
    case 'context':
      return { candidates: startingWith(await names.contexts(), current), paths: 'none' };
    case 'node':
      return { candidates: beginning(await names.nodes(), current), paths: 'none' };
    case 'partition':
      return { candidates: beginning(await names.partitions(), current), paths: 'none' };
    case 'repo':
      // A repository that is to be created has no name yet.
      if (command.id === 'repo:create') return nothing;
      return { candidates: beginning(await names.repos(current), current), paths: 'none' };
    case 'ref':
      return { candidates: beginning(await names.refs(given[0] ?? '', current), current), paths: 'none' };
    default:
      return nothing;
  }
}

function beginning(candidates: readonly Candidate[], current: string): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current));
}

function startingWith(words: readonly string[], current: string): Candidate[] {
  return words.filter((word) => word.startsWith(current)).map((value) => ({ value, description: '' }));
}

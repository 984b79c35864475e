import { StratumError } from '../base/errors.ts';
import { type CommandTable, type Lookup, lookUp } from './command-table.ts';
import { exitCodeOf, reportError } from './error-report.ts';
import { write } from './io.ts';
import type { CommandModules } from './modules.ts';
import { nearest } from './nearest.ts';

/** What the program is made of. */
export interface ProgramOptions {
  readonly table: CommandTable;
  readonly version: string;
}

/** Runs one command line (without the program's own name) and resolves with its exit code. Never rejects. */
export async function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
  modules: CommandModules,
): Promise<number> {
  try {
    return await dispatch(argv, options, modules);
  } catch (error) {
    const { io } = modules;
    // The interruption, and not whatever error it led to, is what ended the command.
    const shown = io.interrupted.aborted ? io.interrupted.reason : error;
    const exitCode = io.interruptedExitCode() ?? exitCodeOf(shown);
    const report = { json: asksForJson(argv, io.env), debug: beforeDashes(argv).includes('--debug'), exitCode };
    await write(io.stderr, reportError(shown, report)).catch(() => undefined); // Nobody is left to tell.
    return exitCode;
  }
}

async function dispatch(argv: readonly string[], options: ProgramOptions, modules: CommandModules): Promise<number> {
  const { table, version } = options;
  const [first] = argv;
  if (first === '--version' || first === '-V') {
    await write(modules.io.stdout, `stratum ${version}\n`);
    return 0;
  }
  const asksForHelp = argv.length === 0 || first === 'help' || beforeDashes(argv).some(isHelpFlag);
  const words = argv.filter((word) => !isHelpFlag(word)).slice(first === 'help' ? 1 : 0);
  if (asksForHelp && (words.length === 0 || words[0]?.startsWith('-'))) return showHelp([], options, modules);
  if (first?.startsWith('-') && !asksForHelp) throw commandFirst(first);
  const found = lookUp(table, asksForHelp ? words : argv);
  if (found.kind === 'unknown') throw unknownCommand(found);
  if (found.kind === 'topic') return showHelp(found.name.split(':'), options, modules);
  if (asksForHelp) return showHelp(found.id.split(':'), options, modules);
  return runCommand(found, options, modules);
}

async function runCommand(
  found: Extract<Lookup, { kind: 'command' }>,
  options: ProgramOptions,
  modules: CommandModules,
): Promise<number> {
  const Class = options.table.commands[found.id];
  if (Class === undefined) throw new StratumError('INTERNAL', `the table lost the command ${found.id}`);
  const { oclifConfig } = await import('./oclif-config.ts');
  const config = await oclifConfig(options.table, options.version);
  const command = new Class([...found.rest], config);
  command.id = found.id;
  return (await command.attach(modules).run()) ?? 0;
}

async function showHelp(words: readonly string[], options: ProgramOptions, modules: CommandModules): Promise<number> {
  const [{ oclifConfig }, { StratumHelp }] = await Promise.all([import('./oclif-config.ts'), import('./help.ts')]);
  const config = await oclifConfig(options.table, options.version);
  const help = new StratumHelp(config, config.pjson.oclif.helpOptions);
  await write(modules.io.stdout, await help.textFor(words));
  return 0;
}

function commandFirst(flag: string): StratumError {
  return new StratumError('USAGE', `the command comes before its flags: ${flag}`, undefined, {
    hint: 'stratum COMMAND [FLAGS]; stratum --help lists the commands',
  });
}

function unknownCommand({ typed, candidates }: Extract<Lookup, { kind: 'unknown' }>): StratumError {
  const meant = nearest(typed, candidates) ?? nearest(typed.split(' ')[0] ?? '', topicsOf(candidates));
  const hint = meant === undefined ? 'stratum --help lists the commands' : `did you mean "stratum ${meant}"?`;
  return new StratumError('USAGE', `there is no command "${typed}"`, undefined, { hint });
}

function topicsOf(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.split(' ')[0] ?? id))];
}

function isHelpFlag(word: string): boolean {
  return word === '--help' || word === '-h';
}

function beforeDashes(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

/** Looked for by hand, because the flags that do not parse are errors as well. */
function asksForJson(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  const forms = ['json', 'jsonl'];
  const words = beforeDashes(argv);
  for (const [index, word] of words.entries()) {
    const [, joined] = /^(?:-o=?|--format=|--output=)(.+)$/.exec(word) ?? [];
    if (joined !== undefined) return forms.includes(joined);
    if (['-o', '--format', '--output'].includes(word)) return forms.includes(words[index + 1] ?? '');
  }
  return forms.includes(env.STRATUM_OUTPUT ?? '');
}

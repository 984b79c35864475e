import { CLIError } from '@oclif/core/errors';
import { hasCode, StratumError } from '../base/errors.ts';
import { nearest } from './nearest.ts';

/** What oclif's parser adds to its errors; the classes themselves are not exported. */
interface ParserErrorFields {
  /** Of an unknown flag: what was typed. */
  readonly flags?: readonly string[];
  /** Of a missing argument: its definition; of one too many: what was typed. */
  readonly args?: readonly (string | { readonly name: string; readonly description?: string })[];
}

/**
 * The StratumError of a failed parse: USAGE with the nearest flag that there is. Anything that is
 * not the parser's comes back as it was.
 */
export function fromParserError(error: unknown, flagNames: readonly string[], command: string): unknown {
  if (hasCode(error, 'INVALID_ARGUMENT')) return unwrapped(error);
  if (!(error instanceof CLIError)) return error;
  const { flags, args } = error as CLIError & ParserErrorFields;
  const [unknownFlag] = flags ?? [];
  if (unknownFlag !== undefined) return unknownFlagError(unknownFlag, flagNames, command);
  const help = `stratum ${command} --help shows what it takes`;
  const [argument] = args ?? [];
  if (typeof argument === 'string') {
    return new StratumError('USAGE', `unexpected argument "${argument}"`, undefined, { hint: help });
  }
  if (argument !== undefined) {
    const what = argument.description === undefined ? '' : `: ${argument.description}`;
    const message = `missing argument ${argument.name.toUpperCase()}${what}`;
    return new StratumError('USAGE', message, undefined, { hint: help });
  }
  return new StratumError('USAGE', withoutHelpLine(error.message), undefined, { hint: help, cause: error });
}

function unknownFlagError(typed: string, flagNames: readonly string[], command: string): StratumError {
  const name = typed.replace(/^-+/, '').replace(/=.*$/, '');
  const meant = nearest(name, flagNames);
  const hint = meant === undefined ? `stratum ${command} --help lists the flags` : `did you mean --${meant}?`;
  return new StratumError('USAGE', `unknown flag ${typed.replace(/=.*$/, '')}`, undefined, { hint });
}

/** oclif writes "Parsing --flag" and a line about help around the message of a flag's own check. */
function unwrapped(error: StratumError<'INVALID_ARGUMENT'>): StratumError {
  const { field, reason } = error.details;
  if (!error.message.startsWith('Parsing ')) return error;
  return new StratumError('INVALID_ARGUMENT', `${field}: ${reason}`, error.details, { hint: error.hint, cause: error });
}

function withoutHelpLine(message: string): string {
  return message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'See more help with --help' && !line.startsWith('The following error'))
    .join('; ');
}

import { StratumError } from '../base/errors.ts';
import { type Context, type ContextFile, unknownContext } from './contexts.ts';
import { nearest } from './nearest.ts';
import { type OutputFormat, outputFormats } from './output/render.ts';
import { parseAddress } from './parse-address.ts';
import { parseDuration } from './parse-duration.ts';

/** Where a setting's value came from, strongest first. */
export type SettingOrigin = 'flag' | 'environment' | 'context' | 'config file' | 'default';

/** A value and who said so. */
export interface Resolved<Value> {
  readonly value: Value;
  readonly origin: SettingOrigin;
  /** The flag, the variable, the context's name or the file. */
  readonly place: string;
}

/** The values that flags gave; text as it was typed. */
export interface SettingFlags {
  readonly context?: string | undefined;
  readonly coordinator?: readonly string[] | undefined;
  readonly timeout?: string | undefined;
  readonly output?: string | undefined;
}

/** The settings of every command that talks to a cluster. */
export interface ClientSettings {
  readonly context: Resolved<Context | undefined>;
  readonly coordinators: Resolved<readonly string[]>;
  readonly timeoutMs: Resolved<number>;
}

/** Where a coordinator of this machine listens unless it was told otherwise. */
const defaultCoordinator = '127.0.0.1:7480';

/** Longer than the leader takes to be found again after a restart, shorter than a person's patience. */
const defaultTimeoutMs = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Flag, then STRATUM_* variable, then context, then config file, then default. */
export function resolveSettings(flags: SettingFlags, env: Environment, file: ContextFile): ClientSettings {
  const context = resolveContext(flags, env, file);
  return {
    context,
    coordinators: resolveCoordinators(flags, env, context.value, file),
    timeoutMs: resolveTimeout(flags, env, file),
  };
}

/** The form of the output: --format, STRATUM_OUTPUT, the config file, "table". */
export function resolveOutput(flag: string | undefined, env: Environment, file?: ContextFile): Resolved<OutputFormat> {
  const given = firstOf(flag, '-o', env.STRATUM_OUTPUT, 'STRATUM_OUTPUT', file?.settings.output, file?.path);
  if (given === undefined) return { value: 'table', origin: 'default', place: '' };
  if (isOutputFormat(given.value)) return { ...given, value: given.value };
  const reason = `"${given.value}" is not a form of output`;
  const expected = outputFormats.join(', ');
  const meant = nearest(given.value, outputFormats);
  throw new StratumError(
    'INVALID_ARGUMENT',
    `${given.place}: ${reason}`,
    { field: given.place, reason, expected },
    {
      hint: meant === undefined ? `expected one of ${expected}` : `did you mean "${meant}"? one of ${expected}`,
    },
  );
}

function isOutputFormat(text: string): text is OutputFormat {
  return outputFormats.some((format) => format === text);
}

function resolveContext(flags: SettingFlags, env: Environment, file: ContextFile): Resolved<Context | undefined> {
  const given = firstOf(flags.context, '--context', env.STRATUM_CONTEXT, 'STRATUM_CONTEXT', file.current, file.path);
  if (given === undefined) return { value: undefined, origin: 'default', place: '' };
  const found = file.contexts.find((context) => context.name === given.value);
  if (found !== undefined) return { ...given, value: found };
  // The file's own pointer may dangle after an edit by hand: every flag and variable still works then.
  if (given.origin === 'config file') return { value: undefined, origin: 'default', place: '' };
  throw unknownContext(given.value, file.contexts);
}

function resolveCoordinators(
  flags: SettingFlags,
  env: Environment,
  context: Context | undefined,
  file: ContextFile,
): Resolved<readonly string[]> {
  if (flags.coordinator !== undefined && flags.coordinator.length > 0) {
    const given = flags.coordinator.flatMap((each) => each.split(','));
    return addresses(given, 'flag', '--coordinator');
  }
  if (env.STRATUM_COORDINATORS) {
    return addresses(env.STRATUM_COORDINATORS.split(','), 'environment', 'STRATUM_COORDINATORS');
  }
  if (context !== undefined && context.coordinators.length > 0) {
    return addresses(context.coordinators, 'context', context.name);
  }
  const { coordinators } = file.settings;
  if (coordinators !== undefined && coordinators.length > 0) return addresses(coordinators, 'config file', file.path);
  return { value: [defaultCoordinator], origin: 'default', place: '' };
}

function addresses(given: readonly string[], origin: SettingOrigin, place: string): Resolved<readonly string[]> {
  return { value: given.map((text) => parseAddress(text.trim(), place)), origin, place };
}

function resolveTimeout(flags: SettingFlags, env: Environment, file: ContextFile): Resolved<number> {
  const { timeout } = file.settings;
  const given = firstOf(flags.timeout, '--timeout', env.STRATUM_TIMEOUT, 'STRATUM_TIMEOUT', timeout, file.path);
  if (given === undefined) return { value: defaultTimeoutMs, origin: 'default', place: '' };
  const value = parseDuration(given.value, given.place);
  if (value > 0) return { ...given, value };
  const details = { field: given.place, reason: 'no time at all', expected: 'more than 0' };
  throw new StratumError('INVALID_ARGUMENT', `${given.place}: ${given.value} leaves no time for an answer`, details);
}

function firstOf(
  flag: string | undefined,
  flagName: string,
  variable: string | undefined,
  variableName: string,
  inFile: string | undefined,
  path: string | undefined,
): Resolved<string> | undefined {
  if (flag !== undefined) return { value: flag, origin: 'flag', place: flagName };
  // An empty variable is one that a script cleared.
  if (variable !== undefined && variable !== '') return { value: variable, origin: 'environment', place: variableName };
  if (inFile !== undefined) return { value: inFile, origin: 'config file', place: path ?? '' };
  return undefined;
}

import { asStratumError, type StratumError } from '../base/errors.ts';
import { toJson } from './output/json.ts';

/** How to show an error. */
export interface ErrorReportOptions {
  /** One line of JSON instead of text. */
  readonly json: boolean;
  /** Stack and causes as well. */
  readonly debug: boolean;
  /** The exit code that the process will have; that of the error table when absent. */
  readonly exitCode?: number;
}

/** The text of an error on stderr: what happened on one line, what to do on a second one. */
export function reportError(error: unknown, options: ErrorReportOptions): string {
  const known = asStratumError(error);
  const message = oneLine(known.message);
  if (options.json) return `${toJson(errorItem(known, message, options.exitCode))}\n`;
  const lines = [`stratum: ${message}`];
  if (known.hint !== undefined) lines.push(`hint: ${oneLine(known.hint)}`);
  if (options.debug) lines.push(...traces(known));
  return `${lines.join('\n')}\n`;
}

/** The exit code of an error, from the error table. */
export function exitCodeOf(error: unknown): number {
  return asStratumError(error).row.exit;
}

function errorItem(error: StratumError, message: string, exitCode = error.row.exit): object {
  return {
    kind: 'Error',
    code: error.code,
    message,
    hint: error.hint ?? '',
    retryable: error.row.retryable,
    exitCode,
  };
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*[\r\n]+\s*/g, '; ');
}

function traces(error: StratumError): string[] {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) lines.push(at.stack ?? String(at));
  return lines;
}

import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger } from '../base/log.ts';
import { KiB } from '../base/units.ts';

/** Levels of the log, most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A level of the log. */
export type LogLevel = (typeof logLevels)[number];

/** How to log. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Fields of every line, for example the node id. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
}

/** Bytes that wait for a log that cannot be written; what comes beyond is dropped. */
const waitingBytesMax = 256 * KiB;

/** Names of fields whose values never reach the log, however they got into a line. */
const secretPaths = [
  'authorization',
  'password',
  'token',
  'secret',
  '*.authorization',
  '*.password',
  '*.token',
  '*.secret',
];

/** The process's log on stderr: JSON lines, or lines for people on a terminal. Written synchronously, so a crash loses none. */
export function createLog(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: options.fields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: secretPaths,
  };
  const stream = options.pretty
    ? pretty({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        translateTime: 'HH:MM:ss.l',
      })
    : pino.destination({ dest: 2, sync: true, maxLength: waitingBytesMax });
  ignoreErrors(stream);
  return pino(settings, { write: (line) => writeOrDrop(stream, line) });
}

/** A full disk under the log costs its lines, never the caller who had something to say. */
function ignoreErrors(stream: { on(event: 'error', listener: () => void): unknown }): void {
  stream.on('error', () => undefined);
}

function writeOrDrop(stream: { write(line: string): unknown }, line: string): void {
  try {
    stream.write(line);
  } catch {
    // There is nowhere left to report it.
  }
}

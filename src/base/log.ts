/** Fields of a log line; secrets never go in. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What code below the composition root sees of the log (pino satisfies it). */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

import type { Logger } from '../base/log.ts';

/** The log of a command: what a person must know comes as its result or its error. */
export const silentLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

import type { LogFields, Logger } from '../../../src/base/log.ts';

/** A log that remembers its lines. */
export interface RecordingLog extends Logger {
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[];
}

export function recordingLog(lines: RecordingLog['lines'] = [], inherited: LogFields = {}): RecordingLog {
  const at = (level: string) => (fields: LogFields, message: string) => {
    lines.push({ level, fields: { ...inherited, ...fields }, message });
  };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLog(lines, { ...inherited, ...fields }),
  };
}

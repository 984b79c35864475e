import type { Readable, Writable } from 'node:stream';
import { systemCode } from '../base/errors.ts';
import type { EndingSignal, ProcessSignals } from './process-signals.ts';
import { writeFailure } from './write-failure.ts';

/** What a command sees of the world around the process; tests give it their own. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdinIsTerminal: boolean;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Aborts at the first signal, for commands that do not handle signals themselves. */
  readonly interrupted: AbortSignal;
  /** Which exit code that signal has; undefined before it came. */
  readonly interruptedExitCode: () => number | undefined;
  /** Takes signals over from the program, for a command that ends in an order of its own; the result gives them back. */
  readonly handleSignals: (listener: (signal: EndingSignal) => void) => () => void;
}

/** The io of this process. */
export function processIo(
  interrupted: AbortSignal,
  signals: ProcessSignals,
  interruptedExitCode: () => number | undefined,
): CommandIo {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    stdinIsTerminal: process.stdin.isTTY === true,
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    interrupted,
    interruptedExitCode,
    handleSignals: (listener) => signals.handle(listener),
  };
}

/** Whether to use colour on a stream: NO_COLOR forbids, FORCE_COLOR demands, else a terminal decides. */
export function usesColour(env: CommandIo['env'], isTerminal: boolean): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}

/**
 * Writes and resolves when the stream has taken it, so that a slow reader is waited for. Rejects with
 * DISK_FULL or INTERNAL; but a reader that went away is no failure of the command, and comes as it is.
 */
export function write(stream: Writable, content: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(content, (error) => {
      if (error) reject(systemCode(error) === 'EPIPE' ? error : writeFailure('standard output', error));
      else resolve();
    });
  });
}

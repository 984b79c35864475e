import { PassThrough, Writable } from 'node:stream';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { systemRandom } from '../../../src/base/random.ts';
import type { CommandModules } from '../../../src/cli/modules.ts';
import type { EndingSignal } from '../../../src/cli/process-signals.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { commandTable } from '../../../src/commands/index.ts';

/** What a command left behind. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as it was written. */
  readonly bytes: Buffer;
}

/** The world that a command sees. */
export interface CommandWorld {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  readonly terminal?: boolean;
  readonly connect?: CommandModules['connect'];
  readonly interrupted?: AbortSignal;
  readonly clock?: Clock;
  readonly selfCommand?: CommandModules['selfCommand'];
  readonly waitUntilReady?: CommandModules['waitUntilReady'];
  /** Called with what sends the command a signal. */
  readonly onSignals?: (send: (signal: EndingSignal) => void) => void;
}

/** Collects what is written to it. */
export class Sink extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }
}

/** Runs a command line in this process, as main.ts does. */
export async function runCommand(argv: readonly string[], world: CommandWorld = {}): Promise<CommandResult> {
  const stdout = new Sink();
  const stderr = new Sink();
  const stdin = new PassThrough();
  stdin.end(world.stdin ?? '');
  const terminal = world.terminal ?? false;
  const modules: CommandModules = {
    io: {
      stdin,
      stdout,
      stderr,
      env: { STRATUM_CONFIG_DIR: '/nonexistent/stratum-test', ...world.env },
      stdinIsTerminal: terminal,
      stdoutIsTerminal: terminal,
      stderrIsTerminal: terminal,
      interrupted: world.interrupted ?? new AbortController().signal,
      interruptedExitCode: () => (world.interrupted?.aborted ? 143 : undefined),
      handleSignals: (listener) => {
        world.onSignals?.(listener);
        return () => undefined;
      },
    },
    clock: world.clock ?? systemClock,
    random: systemRandom,
    connect:
      world.connect ?? (() => Promise.reject(new StratumError('INTERNAL', 'this test did not expect a connection'))),
    selfCommand: world.selfCommand ?? (() => ['/nonexistent/stratum-test']),
    waitUntilReady: world.waitUntilReady ?? (() => Promise.resolve()),
  };
  const exitCode = await runProgram(argv, { table: commandTable, version: '1.2.3' }, modules);
  return { exitCode, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes };
}

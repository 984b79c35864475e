import { StratumError } from './base/errors.ts';
import { processIo } from './cli/io.ts';
import { processModules } from './cli/modules.ts';
import { runProgram } from './cli/program.ts';
import { stratumVersion } from './cli/version.ts';
import { commandTable } from './commands/index.ts';

/** Exit codes of a process that a signal ended, as shells report them. */
const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** How long a command has to end by itself after a signal, for example to close its connections. */
const interruptGraceMs = 2_000;

const interruption = new AbortController();
const modules = processModules(processIo(interruption.signal));
let signalExitCode: number | undefined;

/** Commands that run until a signal handle it themselves, in order and to the end. */
function endOnSignals(): void {
  for (const [signal, exitCode] of Object.entries(signalExitCodes)) {
    process.on(signal, () => {
      if (process.listenerCount(signal) > 1) return;
      if (signalExitCode !== undefined) process.exit(exitCode);
      signalExitCode = exitCode;
      interruption.abort(new StratumError('CANCELLED', signal === 'SIGINT' ? 'interrupted' : 'terminated'));
      modules.clock.after(interruptGraceMs, () => process.exit(exitCode));
    });
  }
}

/** A reader that went away (`stratum … | head`) is no error of ours. */
function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  process.stderr.on('error', () => undefined); // There is nowhere left to complain.
}

endQuietlyOnClosedPipe();
endOnSignals();
const exitCode = await runProgram(process.argv.slice(2), { table: commandTable, version: stratumVersion }, modules);
process.exit(signalExitCode ?? exitCode);

import { setFlagsFromString } from 'node:v8';
import { StratumError } from './base/errors.ts';
import { processIo } from './cli/io.ts';
import { processModules } from './cli/modules.ts';
import { answerOutputErrors } from './cli/output-errors.ts';
import { type EndingSignal, ProcessSignals, signalExitCodes } from './cli/process-signals.ts';
import { runProgram } from './cli/program.ts';
import { stratumVersion } from './cli/version.ts';
import { commandTable } from './commands/index.ts';

// Blobs stream through every process as short-lived buffers. V8 would answer that with a young generation of 64 MB
// that stays; kept small, a node that takes in 1 GiB peaks 50 MB lower, for a tenth more time in the collector.
setFlagsFromString('--semi-space-growth-factor=1');
// Half of that time went into collections that V8 begins for every 64 MB of buffers, however few are still in use.
setFlagsFromString('--external-memory-accounted-in-global-limit');

/** How long a command has to end by itself after a signal, for example to close its connections. */
const interruptGraceMs = 2_000;

const interruption = new AbortController();
let signalExitCode: number | undefined;
const signals = new ProcessSignals(process, interrupt);
const modules = processModules(processIo(interruption.signal, signals, () => signalExitCode));

/** The first signal asks the command to end, a second one ends the process. */
function interrupt(signal: EndingSignal): void {
  const exitCode = signalExitCodes[signal];
  if (signalExitCode !== undefined) process.exit(exitCode);
  signalExitCode = exitCode;
  interruption.abort(new StratumError('CANCELLED', signal === 'SIGINT' ? 'interrupted' : 'terminated'));
  modules.clock.after(interruptGraceMs, () => process.exit(exitCode));
}

answerOutputErrors(process, (code) => process.exit(code));
const exitCode = await runProgram(process.argv.slice(2), { table: commandTable, version: stratumVersion }, modules);
process.exit(signalExitCode ?? exitCode);

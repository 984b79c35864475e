import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { StratumError } from '../../base/errors.ts';
import type { SelfCommand } from '../self-command.ts';
import { prepareClusterFolder, refuseForeignFolder } from './cluster-file.ts';
import { supervisorLog } from './cluster-paths.ts';
import type { StartReport } from './foreground.ts';
import { lastLines, readError, rotateLog } from './log-tail.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** The descriptor that the supervisor reports on: the first one behind the standard three. */
export const reportDescriptor = 3;

/** Lines of the supervisor's log that are shown when it ends without a report. */
const tailLines = 8;

/** How to start a supervisor in the background. */
export interface BackgroundOptions {
  /** How to start this program. */
  readonly command: SelfCommand;
  /** The arguments of `cluster up` without --detach. */
  readonly args: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Starts a supervisor in a session of its own and resolves when its cluster serves. Rejects with
 * the supervisor's error; the signal only stops the waiting, the cluster goes on coming up.
 */
export async function startInBackground(options: BackgroundOptions, signal: AbortSignal): Promise<SupervisorStatus> {
  const { folder } = options;
  await refuseForeignFolder(folder);
  await prepareClusterFolder(folder);
  const logFile = supervisorLog(folder);
  await rotateLog(logFile);
  const log = openSync(logFile, 'a');
  const [program, ...first] = options.command;
  const child = spawn(program, [...first, ...options.args, '--report-descriptor', String(reportDescriptor)], {
    detached: true,
    cwd: folder,
    stdio: ['ignore', log, log, 'pipe'],
    env: options.env as NodeJS.ProcessEnv,
  });
  closeSync(log);
  child.unref();
  const reports = child.stdio[reportDescriptor] as Readable;
  const stop = () => reports.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    // The pipe ends with the report, or with the supervisor.
    const text = Buffer.concat(await Array.fromAsync(reports as AsyncIterable<Buffer>)).toString('utf8');
    if (text !== '') return readReport(JSON.parse(text) as StartReport);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  const lines = await lastLines(logFile, tailLines);
  throw new StratumError('INTERNAL', `the supervisor ended: ${lines.join(' | ')}`, undefined, {
    hint: `its log is ${logFile}`,
  });
}

function readReport(report: StartReport): SupervisorStatus {
  if ('status' in report) return report.status;
  throw readError(report.error) ?? new StratumError('INTERNAL', report.error.message);
}

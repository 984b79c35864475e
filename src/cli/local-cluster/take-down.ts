import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import { ControlClient } from './control-client.ts';
import { findLeftovers, type Leftover, waitForEnd } from './leftovers.ts';
import { readSupervisorFile } from './supervisor-file.ts';

/** Leftover nodes that do not end on SIGTERM are killed after this time. */
const leftoverStopMs = 15_000;

/** Which cluster to stop. */
export interface TakeDownOptions {
  readonly folder: string;
  /** Milliseconds to wait for its end. */
  readonly timeoutMs: number;
  readonly dryRun: boolean;
}

/** What stopping is given. */
export interface TakeDownModules {
  readonly clock: Clock;
  /** Aborts when the user does not want to wait any longer. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** Stops a cluster and whatever outlived its supervisor; resolves with what was done, in words. */
export async function takeDown(options: TakeDownOptions, modules: TakeDownModules): Promise<string> {
  const { folder, timeoutMs, dryRun } = options;
  const running = await ControlClient.find(folder, modules.clock);
  if (running === undefined) return endLeftovers(folder, dryRun, modules);
  if (dryRun) {
    const { processes } = await running.status();
    const ids = processes.filter(({ state }) => state === 'running').map(({ id }) => id);
    return `would stop ${ids.join(', ')} and the supervisor (pid ${running.file.pid})`;
  }
  try {
    const what = 'stop of the cluster';
    return await withDeadline(
      modules.clock,
      what,
      timeoutMs,
      (signal) => stop(running, modules, signal),
      modules.signal,
    );
  } catch (error) {
    // Only the waiting ended: the supervisor goes on by itself.
    if (modules.signal.aborted) modules.onProgress('no longer waiting; the cluster goes on stopping');
    if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    const message = `the cluster has not ended after ${timeoutMs} ms; it goes on stopping`;
    throw new StratumError('WAIT_TIMEOUT', message, undefined, { hint: 'see "stratum cluster status"', cause: error });
  }
}

async function stop(running: ControlClient, modules: TakeDownModules, signal: AbortSignal): Promise<string> {
  let killed: readonly string[] = [];
  let stopped = 0;
  for await (const line of running.stop(signal)) {
    if ('done' in line) {
      killed = line.killed;
      continue;
    }
    stopped += 1;
    modules.onProgress(`stopped ${line.stopped}`);
  }
  const supervisor = { id: 'supervisor', pid: running.file.pid };
  await waitForEnd([supervisor], Number.POSITIVE_INFINITY, modules.clock, signal);
  const text = `stopped ${stopped} nodes; the data stays`;
  return killed.length === 0 ? text : `${text}; had to be killed: ${killed.join(', ')}`;
}

async function endLeftovers(folder: string, dryRun: boolean, modules: TakeDownModules): Promise<string> {
  const leftovers = await findLeftovers(folder, await readSupervisorFile(folder));
  if (leftovers.length === 0) return 'the cluster does not run: nothing to do';
  const names = leftovers.map(({ id, pid }) => `${id} (pid ${pid})`).join(', ');
  if (dryRun) return `would end nodes that outlived their supervisor: ${names}`;
  modules.onProgress(`ending nodes that outlived their supervisor: ${names}`);
  signalAll(leftovers, 'SIGTERM');
  const stubborn = await waitForEnd(leftovers, leftoverStopMs, modules.clock, modules.signal);
  signalAll(stubborn, 'SIGKILL');
  const left = await waitForEnd(stubborn, leftoverStopMs, modules.clock, modules.signal);
  if (left.length > 0) {
    const message = `nodes do not end: ${left.map(({ id, pid }) => `${id} (pid ${pid})`).join(', ')}`;
    throw new StratumError('WAIT_TIMEOUT', message);
  }
  return `ended nodes that had outlived their supervisor: ${names}`;
}

function signalAll(processes: readonly Leftover[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself in between, which is what is wanted.
    }
  }
}

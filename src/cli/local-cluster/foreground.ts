import { closeSync, writeSync } from 'node:fs';
import { asStratumError } from '../../base/errors.ts';
import type { CommandIo } from '../io.ts';
import { signalExitCodes } from '../process-signals.ts';
import { ClusterHost, type ClusterHostModules, type ClusterHostOptions } from './cluster-host.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** What a supervisor in the foreground is given. */
export interface ForegroundModules extends ClusterHostModules {
  readonly io: CommandIo;
  /** Called once when the cluster serves. */
  readonly onReady: (status: SupervisorStatus) => Promise<void>;
}

/**
 * Hosts a cluster until a signal comes or another process has it stopped; resolves with the exit
 * code. A cluster that does not come up is stopped again.
 */
export async function runInForeground(options: ClusterHostOptions, modules: ForegroundModules): Promise<number> {
  const host = await ClusterHost.open(options, modules);
  const signalled = Promise.withResolvers<number>();
  let signals = 0;
  const giveBack = modules.io.handleSignals((signal) => {
    signals += 1;
    if (signals > 1) host.killAll();
    signalled.resolve(signalExitCodes[signal]);
  });
  try {
    const up = host.bringUp().then(() => modules.onReady(host.status()));
    const ended = Promise.race([signalled.promise, host.stopRequested.then(() => 0)]);
    const early = await Promise.race([up, ended]);
    const exitCode = early ?? (await ended);
    modules.onEvent('stopping');
    up.catch(() => undefined); // What was being started is stopped below.
    return exitCode;
  } finally {
    const killed = await host.stop();
    if (killed.length > 0) modules.onEvent(`had to be killed: ${killed.join(', ')}`);
    await host.close();
    giveBack();
  }
}

/** The one line by which a supervisor in the background tells whoever started it how it went. */
export type StartReport =
  | { readonly status: SupervisorStatus }
  | { readonly error: { readonly code: string; readonly message: string; readonly hint?: string | undefined } };

/** Writes the report to an inherited descriptor and closes it. */
export function reportStart(descriptor: number, result: SupervisorStatus | { readonly failed: unknown }): void {
  const report: StartReport = 'failed' in result ? { error: errorFields(result.failed) } : { status: result };
  try {
    writeSync(descriptor, `${JSON.stringify(report)}\n`);
    closeSync(descriptor);
  } catch {
    // Whoever started it has stopped waiting; the cluster goes on.
  }
}

function errorFields(error: unknown) {
  const { code, message, hint } = asStratumError(error);
  return { code, message, hint };
}

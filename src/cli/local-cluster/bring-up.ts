import { StratumError } from '../../base/errors.ts';
import type { ContextStore } from '../contexts.ts';
import type { CommandModules } from '../modules.ts';
import { startProgress } from '../progress.ts';
import { startInBackground } from './background.ts';
import { readClusterFile } from './cluster-file.ts';
import { type ClusterReport, clusterReport } from './cluster-listing.ts';
import type { ClusterLocation } from './cluster-location.ts';
import { ControlClient } from './control-client.ts';
import { reportStart, runInForeground } from './foreground.ts';
import { type ClusterWish, refuseChangedCounts } from './plan.ts';
import { readTopology } from './read-topology.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** The parent waits this much longer than the supervisor, so that the supervisor's reason is the one shown. */
const reportMarginMs = 10_000;

/** What to bring up, and how. */
export interface BringUpOptions {
  readonly wish: ClusterWish & ClusterLocation;
  /** Milliseconds until the cluster must serve. */
  readonly timeoutMs: number;
  readonly detach: boolean;
  /** This process is the supervisor in the background and reports here. */
  readonly reportDescriptor: number | undefined;
}

/** What bringing up is given. */
export interface BringUpModules extends CommandModules {
  readonly contexts: ContextStore;
  readonly say: (text: string) => Promise<void>;
  readonly show: (report: ClusterReport) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Brings a cluster up and resolves with the exit code of the command. */
export async function bringUp(options: BringUpOptions, modules: BringUpModules): Promise<number> {
  const { wish, timeoutMs, detach, reportDescriptor } = options;
  if (reportDescriptor !== undefined) return superviseInBackground(options, reportDescriptor, modules);
  const running = await ControlClient.find(wish.folder, modules.clock);
  if (running === undefined && !detach) return superviseInForeground(options, modules);
  if (running !== undefined) refuseChangedCounts(wish, await readClusterFile(wish.folder));
  const doing = running === undefined ? 'starting' : 'starting what is missing of';
  const progress = await startProgress(`${doing} the cluster "${wish.name}"`, modules.io);
  try {
    const status =
      running === undefined
        ? await detached(options, modules)
        : await running.startMissing(timeoutMs, waitSignal(options, modules));
    progress.end();
    await announce(status, modules);
    return 0;
  } catch (error) {
    progress.end();
    throw error;
  }
}

function detached({ wish, timeoutMs }: BringUpOptions, modules: BringUpModules): Promise<SupervisorStatus> {
  const { coordinators, objects, metadata, frontends } = wish;
  const numbers = { objects, metadata, frontends, coordinators, 'etcd-binary': wish.etcdBinary };
  const ports = { 'git-port': wish.gitPort, 'coordinator-port': wish.coordinatorPort, 'base-port': wish.basePort };
  const args = ['cluster', 'up', '--name', wish.name, '--data-dir', wish.folder, '--timeout', `${timeoutMs}ms`];
  for (const [flag, value] of Object.entries({ ...numbers, ...ports })) {
    if (value !== undefined) args.push(`--${flag}`, String(value));
  }
  const background = { command: modules.selfCommand(), args, folder: wish.folder, env: modules.io.env };
  return startInBackground(background, waitSignal({ timeoutMs }, modules));
}

function hostOptions({ wish, timeoutMs }: BringUpOptions, modules: BringUpModules) {
  return { wish, folder: wish.folder, command: modules.selfCommand(), env: modules.io.env, timeoutMs };
}

async function superviseInForeground(options: BringUpOptions, modules: BringUpModules): Promise<number> {
  const onEvent = (text: string) => void modules.say(text).catch(() => undefined); // A closed stderr stops no cluster.
  return runInForeground(hostOptions(options, modules), {
    ...modules,
    onEvent,
    onReady: async (status) => {
      await announce(status, modules);
      onEvent('ready; Ctrl-C stops the cluster');
    },
  });
}

async function superviseInBackground(
  options: BringUpOptions,
  descriptor: number,
  modules: BringUpModules,
): Promise<number> {
  let reported = false;
  try {
    return await runInForeground(hostOptions(options, modules), {
      ...modules,
      onEvent: (text) => void modules.say(text).catch(() => undefined), // A full disk must not stop the cluster.
      onReady: async (status) => {
        reported = true;
        reportStart(descriptor, status);
      },
    });
  } catch (error) {
    if (!reported) reportStart(descriptor, { failed: error });
    throw error;
  }
}

/** Makes the cluster's context the current one and shows every process. */
async function announce(status: SupervisorStatus, modules: BringUpModules): Promise<void> {
  const gitUrls = status.processes.map(({ httpUrl }) => httpUrl).filter((url) => url !== '');
  const context = { name: status.name, coordinators: status.coordinators, gitUrls, dataDir: status.folder };
  await modules.contexts.set(context, { makeCurrent: true });
  const { snapshot, missing } = await readTopology(status, modules);
  await modules.show(clusterReport(status, snapshot, missing));
}

/** Aborts with the user's interruption, or when the supervisor is overdue. */
function waitSignal({ timeoutMs }: Pick<BringUpOptions, 'timeoutMs'>, modules: BringUpModules): AbortSignal {
  const overdue = new AbortController();
  const waitMs = timeoutMs + reportMarginMs;
  modules.clock.after(waitMs, () => {
    const message = `the supervisor did not report within ${waitMs} ms; it goes on in the background`;
    overdue.abort(new StratumError('WAIT_TIMEOUT', message, undefined, { hint: 'see "stratum cluster status"' }));
  });
  return AbortSignal.any([modules.signal, overdue.signal]);
}

import type { Clock } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import { type Random, randomHex } from '../../base/random.ts';
import { FolderLock } from '../../store/folder-lock.ts';
import type { SelfCommand } from '../self-command.ts';
import { prepareClusterFolder, readClusterFile, refuseForeignFolder, writeClusterFile } from './cluster-file.ts';
import { ControlServer } from './control-server.ts';
import { refuseLackOfEtcd } from './etcd-need.ts';
import { findLeftovers, waitForEnd } from './leftovers.ts';
import { writeNodeFiles } from './node-yaml.ts';
import { type ClusterWish, planCluster, refuseTakenPorts } from './plan.ts';
import { Supervisor, stoppingError } from './supervisor.ts';
import { readSupervisorFile, removeSupervisorFile, writeSupervisorFile } from './supervisor-file.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** Nodes of a supervisor that was killed end by themselves; this is how long they may take. */
const leftoversTimeoutMs = 20_000;

/** Bytes of the token that control of the cluster needs. */
const tokenBytes = 24;

/** What a host hosts. */
export interface ClusterHostOptions {
  readonly wish: ClusterWish;
  readonly folder: string;
  /** How to start this program. */
  readonly command: SelfCommand;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until the cluster must serve, unless a caller says otherwise. */
  readonly timeoutMs: number;
}

/** What a host is given. */
export interface ClusterHostModules {
  readonly clock: Clock;
  readonly random: Random;
  /** One line about what happened. */
  readonly onEvent: (text: string) => void;
  /** Resolves when the cluster serves; rejects with the signal's reason. */
  readonly waitUntilReady: (status: SupervisorStatus, signal: AbortSignal) => Promise<void>;
}

/** A local cluster inside this process: the folder's lock, the supervisor, and its control listener. */
export class ClusterHost {
  readonly #options: ClusterHostOptions;
  readonly #modules: ClusterHostModules;
  readonly #lock: FolderLock;
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer;
  readonly #token: string;
  readonly #stopRequested = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  #port = 0;

  private constructor(
    options: ClusterHostOptions,
    modules: ClusterHostModules,
    own: { readonly lock: FolderLock; readonly cluster: ConstructorParameters<typeof Supervisor>[0]['cluster'] },
  ) {
    this.#options = options;
    this.#modules = modules;
    this.#lock = own.lock;
    this.#token = randomHex(modules.random, tokenBytes);
    this.#supervisor = new Supervisor(
      { ...options, cluster: own.cluster },
      {
        clock: modules.clock,
        onEvent: modules.onEvent,
        waitUntilReady: modules.waitUntilReady,
        onProcesses: (status) => this.#remember(status),
      },
    );
    const actions = {
      status: () => this.#supervisor.status(),
      startMissing: (timeoutMs: number | undefined) => this.bringUp(timeoutMs),
      stop: async (onStopped: (id: string) => void) => {
        const killed = await this.stop(onStopped);
        this.#stopRequested.resolve();
        return killed;
      },
    };
    this.#control = new ControlServer({ token: this.#token }, { actions });
  }

  /**
   * Takes the folder, plans the cluster and writes its files; nothing is started yet. DATA_DIR_LOCKED
   * when another supervisor has the folder, PORT_IN_USE, ETCD_MISSING, DATA_DIR_FOREIGN, DATA_DIR_UNWRITABLE.
   */
  static async open(options: ClusterHostOptions, modules: ClusterHostModules): Promise<ClusterHost> {
    const { folder, wish } = options;
    await refuseForeignFolder(folder);
    await prepareClusterFolder(folder);
    const lock = await FolderLock.acquire(folder).catch((error: unknown) => {
      throw lockedByAnother(folder, error);
    });
    try {
      await endOfLeftovers(folder, modules.clock);
      const cluster = await planCluster(wish, await readClusterFile(folder), modules.random);
      await refuseTakenPorts(cluster.nodes);
      await refuseLackOfEtcd(cluster, options.env.PATH, modules.clock);
      await writeClusterFile(folder, cluster);
      await writeNodeFiles(cluster, folder);
      const host = new ClusterHost(options, modules, { lock, cluster });
      host.#port = await host.#control.start();
      return host;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Resolves after another process has had the cluster stopped. */
  get stopRequested(): Promise<void> {
    return this.#stopRequested.promise;
  }

  status(): SupervisorStatus {
    return this.#supervisor.status();
  }

  /** Starts what is missing and waits until the cluster serves; WAIT_TIMEOUT says what it still lacks. */
  async bringUp(timeoutMs = this.#options.timeoutMs): Promise<void> {
    const { clock } = this.#modules;
    const waiting = new AbortController();
    const text = `the cluster does not serve after ${timeoutMs} ms`;
    const hint = `look into the logs in ${this.#options.folder}/logs, or wait longer with --timeout`;
    const timer = clock.after(timeoutMs, () => {
      waiting.abort(new StratumError('WAIT_TIMEOUT', text, undefined, { hint }));
    });
    try {
      await this.#supervisor.bringUp(AbortSignal.any([waiting.signal, this.#ending.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** Stops all nodes; resolves with the ids of those that had to be killed. */
  stop(onStopped?: (id: string) => void): Promise<readonly string[]> {
    this.#ending.abort(stoppingError());
    return this.#supervisor.stop(onStopped);
  }

  /** Kills all nodes at once. */
  killAll(): void {
    this.#supervisor.killAll();
  }

  /** Gives the folder back; the nodes must have been stopped. */
  async close(): Promise<void> {
    await this.#control.stop();
    await removeSupervisorFile(this.#options.folder);
    this.#lock.release();
  }

  #remember(status: SupervisorStatus): Promise<void> {
    const processes = status.processes.map(({ id, pid, address }) => {
      return { id, pid, port: Number(address.slice(address.lastIndexOf(':') + 1)) };
    });
    return writeSupervisorFile(this.#options.folder, {
      pid: process.pid,
      port: this.#port,
      token: this.#token,
      processes,
    });
  }
}

async function endOfLeftovers(folder: string, clock: Clock): Promise<void> {
  const leftovers = await findLeftovers(folder, await readSupervisorFile(folder));
  const left = await waitForEnd(leftovers, leftoversTimeoutMs, clock, new AbortController().signal);
  if (left.length === 0) return;
  const names = left.map(({ id, pid }) => `${id} (pid ${pid})`).join(', ');
  throw new StratumError('DATA_DIR_LOCKED', `nodes of a supervisor that has gone still run: ${names}`, undefined, {
    hint: `"stratum cluster down --data-dir ${folder}" ends them`,
  });
}

/** Stopping the other process, as a locked folder's own hint says, would be the wrong advice here. */
function lockedByAnother(folder: string, error: unknown): unknown {
  if (!hasCode(error, 'DATA_DIR_LOCKED')) return error;
  const message = `another "cluster up" has the cluster in ${folder}`;
  return new StratumError('DATA_DIR_LOCKED', message, undefined, {
    hint: 'see "stratum cluster status"; once it is up, this command starts what is missing',
    cause: error,
  });
}

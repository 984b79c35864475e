import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import { nodeRoles } from '../../topology/topology.ts';
import type { SelfCommand } from '../self-command.ts';
import type { ClusterFile } from './cluster-file.ts';
import { nodePaths } from './cluster-paths.ts';
import { exitText, NodeProcess } from './node-process.ts';
import { loopback } from './ports.ts';
import type { ProcessStatus, SupervisorStatus } from './supervisor-status.ts';

/** What a supervisor supervises. */
export interface SupervisorOptions {
  readonly cluster: ClusterFile;
  /** Folder of the cluster. */
  readonly folder: string;
  /** How to start this program. */
  readonly command: SelfCommand;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that a node has to end by itself before it is killed. */
  readonly stopTimeoutMs?: number;
}

/** What a supervisor is given. */
export interface SupervisorModules {
  readonly clock: Clock;
  /** Resolves when the cluster serves; rejects with the reason. */
  readonly waitUntilReady: (status: SupervisorStatus, signal: AbortSignal) => Promise<void>;
  /** One line about what happened. */
  readonly onEvent: (text: string) => void;
  /** The processes changed; the result is awaited before the next step. */
  readonly onProcesses: (status: SupervisorStatus) => Promise<void>;
}

/** More than the parts of a node need for their own deadlines, together. */
const defaultStopTimeoutMs = 30_000;

/**
 * Starts the nodes of a local cluster and stops them in reverse. A node that dies stays dead and is
 * reported, so that a fault is seen and not papered over; bringUp starts what is missing.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #modules: SupervisorModules;
  readonly #processes: readonly NodeProcess[];
  #stopping: Promise<readonly string[]> | undefined;
  #bringingUp: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions, modules: SupervisorModules) {
    this.#options = options;
    this.#modules = modules;
    this.#processes = options.cluster.nodes.map((node) => new NodeProcess({ ...options, node }, modules));
  }

  /** The processes as they are now. */
  status(): SupervisorStatus {
    const { cluster, folder } = this.#options;
    const coordinators = cluster.nodes.filter(({ role }) => role === 'coordinator');
    return {
      name: cluster.name,
      folder,
      supervisorPid: process.pid,
      coordinators: coordinators.map(({ port }) => `${loopback}:${port}`),
      processes: this.#processes.map((each) => this.#statusOf(each)),
    };
  }

  /**
   * Starts every node that does not run and waits until the cluster serves. Rejects with the error
   * of the first node that ends meanwhile. Calls wait for each other.
   */
  bringUp(signal: AbortSignal): Promise<void> {
    const result = this.#bringingUp.then(() => this.#bringUp(signal));
    this.#bringingUp = result.catch(() => undefined); // The caller has the error.
    return result;
  }

  /** Stops all nodes, those that depend on others first; resolves with the ids of those that had to be killed. */
  stop(onStopped: (id: string) => void = () => undefined): Promise<readonly string[]> {
    this.#stopping ??= this.#stopAll(onStopped);
    return this.#stopping;
  }

  /** Kills all nodes at once, for a user who does not want to wait. */
  killAll(): void {
    for (const each of this.#processes) each.kill();
  }

  async #bringUp(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    for (const each of this.#processes) {
      either.throwIfAborted();
      if (each.isRunning) continue;
      await each.start();
      this.#modules.onEvent(`${each.node.id} started (pid ${each.pid})`);
      void this.#reportEnd(each);
    }
    await this.#modules.onProcesses(this.status());
    for (const each of this.#processes) {
      void each.ended.then(async () => failed.abort(await each.failure()));
    }
    await this.#modules.waitUntilReady(this.status(), either);
  }

  async #reportEnd(each: NodeProcess): Promise<void> {
    const { pid } = each;
    const exit = await each.ended;
    const expected = this.#stopping !== undefined;
    const text = `${each.node.id} ended with ${exitText(exit)} (pid ${pid})`;
    this.#modules.onEvent(expected ? text : `${text}; it is not started again by itself: run "stratum cluster up"`);
  }

  async #stopAll(onStopped: (id: string) => void): Promise<readonly string[]> {
    const killed: string[] = [];
    for (const role of nodeRoles.toReversed()) {
      const running = this.#processes.filter((each) => each.node.role === role && each.isRunning);
      await Promise.all(
        running.map(async (each) => {
          if (!(await this.#stopOne(each))) killed.push(each.node.id);
          onStopped(each.node.id);
        }),
      );
    }
    return killed;
  }

  /** False when the process had to be killed. */
  async #stopOne(each: NodeProcess): Promise<boolean> {
    const timeoutMs = this.#options.stopTimeoutMs ?? defaultStopTimeoutMs;
    each.terminate();
    try {
      await withDeadline(this.#modules.clock, `stop of ${each.node.id}`, timeoutMs, () => each.ended);
      return true;
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      this.#modules.onEvent(`${each.node.id} did not end within ${timeoutMs} ms and is killed`);
      each.kill();
      await each.ended;
      return false;
    }
  }

  #statusOf(each: NodeProcess): ProcessStatus {
    const { id, role, port, httpPort } = each.node;
    return {
      id,
      role,
      pid: each.pid,
      state: each.isRunning ? 'running' : 'exited',
      exit: each.exit ?? null,
      address: `${loopback}:${port}`,
      httpUrl: httpPort === undefined ? '' : `http://${loopback}:${httpPort}`,
      dataDir: nodePaths(this.#options.folder, id).dataDir,
      startedAtMs: each.startedAtMs,
    };
  }
}

/** The error of a cluster that is being stopped while it is asked to start something. */
export function stoppingError(): StratumError {
  return new StratumError('SHUTTING_DOWN', 'the cluster is being stopped', undefined, { hint: 'wait, then try again' });
}

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { SelfCommand } from '../self-command.ts';
import type { LocalNode } from './cluster-file.ts';
import { nodePaths } from './cluster-paths.ts';
import { errorIn, lastLines, rotateLog } from './log-tail.ts';

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Lines of a log that are shown with an error. */
const tailLines = 12;

/** What nodes get of the environment: nothing that could configure them or git behind the user's back. */
const passedVariables = ['PATH', 'HOME', 'TZ', 'LANG', 'NO_COLOR', 'FORCE_COLOR', 'STRATUM_LOG_LEVEL'];

/** The environment of a node's process. */
export function nodeEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed = passedVariables.map((name) => [name, env[name]] as const);
  return Object.fromEntries(passed.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** What a node's process needs. */
export interface NodeProcessOptions {
  readonly node: LocalNode;
  /** Folder of the cluster. */
  readonly folder: string;
  /** How to start this program. */
  readonly command: SelfCommand;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One node of a local cluster: a process that is started, watched, and started again on request only. */
export class NodeProcess {
  readonly node: LocalNode;
  readonly #options: NodeProcessOptions;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #exit: ProcessExit | undefined;
  #ended: Promise<ProcessExit> = Promise.resolve({ code: null, signal: null });
  #startedAtMs = 0;

  constructor(options: NodeProcessOptions, modules: { readonly clock: Clock }) {
    this.node = options.node;
    this.#options = options;
    this.#clock = modules.clock;
  }

  /** Whether the process runs. */
  get isRunning(): boolean {
    return this.#child !== undefined && this.#exit === undefined;
  }

  /** 0 before the first start. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** How the process ended; undefined while it runs and before the first start. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Milliseconds since the Unix epoch of the latest start. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  /** Resolves when the process that runs now has ended. */
  get ended(): Promise<ProcessExit> {
    return this.#ended;
  }

  /** Starts the process unless it runs. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const { folder, command, env, node } = this.#options;
    const { configFile, logFile } = nodePaths(folder, node.id);
    await rotateLog(logFile);
    const log = openSync(logFile, 'a');
    try {
      const [program, ...args] = command;
      this.#startedAtMs = this.#clock.nowMs();
      this.#exit = undefined;
      const child = spawn(program, [...args, 'node', 'start', '--config', configFile, '-o', 'json'], {
        cwd: folder,
        // The node ends when this pipe does: it cannot outlive its supervisor.
        stdio: ['pipe', log, log],
        env: nodeEnvironment(env),
        // Ctrl-C in the terminal is for the supervisor, which stops the nodes in order.
        detached: true,
      });
      this.#child = child;
      this.#ended = this.#watch(child);
    } finally {
      closeSync(log);
    }
  }

  /** Asks the process to end. */
  terminate(): void {
    this.#child?.kill('SIGTERM');
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Why the process ended, with the end of its log. */
  async failure(): Promise<StratumError> {
    const { logFile } = nodePaths(this.#options.folder, this.node.id);
    const lines = await lastLines(logFile, tailLines);
    const { id } = this.node;
    const cause = errorIn(lines);
    const hint = `its log is ${logFile}`;
    if (cause !== undefined) {
      const advice = cause.hint === undefined ? hint : `${cause.hint}; ${hint}`;
      return new StratumError(cause.code as 'INTERNAL', `${id}: ${cause.message}`, undefined, { hint: advice });
    }
    const message = `${id} ended with ${exitText(this.#exit)}`;
    const tail = lines.length === 0 ? message : `${message}; the end of its log: ${lines.join(' | ')}`;
    return new StratumError('INTERNAL', tail, undefined, { hint });
  }

  #watch(child: ChildProcess): Promise<ProcessExit> {
    // A process that is gone breaks the pipe; its exit says so.
    child.stdin?.on('error', () => undefined);
    return new Promise((resolve) => {
      const end = (exit: ProcessExit) => {
        if (this.#child === child) this.#exit = exit;
        resolve(exit);
      };
      child.once('exit', (code, signal) => end({ code, signal }));
      child.once('error', (error) => end({ code: null, signal: error.message }));
    });
  }
}

/** How a process ended, in words. */
export function exitText(exit: ProcessExit | undefined): string {
  if (exit === undefined) return 'no exit code';
  return exit.signal === null ? `exit code ${exit.code}` : exit.signal;
}

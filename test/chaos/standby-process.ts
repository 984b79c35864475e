import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { isListening } from '../../src/cli/local-cluster/ports.ts';

const startTimeoutMs = 30_000;
const lookPauseMs = 5;

/** Values of a process. */
export interface StandbyProcessOptions {
  readonly id: string;
  /** Where its own folder is. */
  readonly folder: string;
  readonly role: 'coordinator' | 'object';
  /** The bundled object-process.ts. */
  readonly program: string;
  /** Of its gRPC listener. */
  readonly port: number;
}

/** A node that is killed and started again and again: its next process stands by, loaded. */
export class StandbyProcess {
  readonly id: string;
  readonly dataDir: string;
  readonly #options: StandbyProcessOptions;
  readonly #folder: string;
  #running: ChildProcess | undefined;
  #next: ChildProcess | undefined;

  constructor(options: StandbyProcessOptions) {
    this.id = options.id;
    this.#options = options;
    this.#folder = join(options.folder, options.id);
    this.dataDir = join(this.#folder, 'data');
  }

  /** Writes the configuration and loads the first process. */
  async prepare(settings: object): Promise<void> {
    const listen = `127.0.0.1:${this.#options.port}`;
    const { id, role } = this.#options;
    const config = { nodeId: id, roles: [role], dataDir: this.dataDir, listen, ...settings };
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#configFile, stringify(config));
    this.#next = this.#load();
    await once(this.#next, 'message');
  }

  /** Lets the process that stands by begin, and loads another one. */
  start(): void {
    this.#running = this.#next ?? this.#load();
    this.#running.send(this.#configFile);
    this.#next = this.#load();
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    await end(this.#running);
    this.#running = undefined;
  }

  /** Resolves when the process takes connections; rejects when it has ended by itself. */
  async listening(): Promise<void> {
    const deadlineMs = performance.now() + startTimeoutMs;
    while (!(await isListening(this.#options.port))) {
      const hasEnded = this.#running === undefined || hasExited(this.#running);
      if (hasEnded || performance.now() > deadlineMs)
        throw new Error(`${this.id} does not start: see ${this.#logFile}`);
      await sleep(lookPauseMs);
    }
  }

  /** The end of the run. */
  async end(): Promise<void> {
    await Promise.all([end(this.#running), end(this.#next)]);
  }

  #load(): ChildProcess {
    const log = openSync(this.#logFile, 'a');
    try {
      return fork(this.#options.program, [this.#options.role], {
        cwd: this.#folder,
        env: { ...process.env, NODE_COMPILE_CACHE: join(this.#options.folder, 'compile-cache') },
        stdio: ['ignore', log, log, 'ipc'],
      });
    } finally {
      closeSync(log);
    }
  }

  get #configFile(): string {
    return join(this.#folder, 'node.yaml');
  }

  get #logFile(): string {
    return join(this.#folder, 'node.log');
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || hasExited(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

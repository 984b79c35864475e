import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { stratumBinary } from './local-cluster.ts';
import { commandName, isRunning, processTree } from './process-tree.ts';
import { until } from './until.ts';

/** The process that was started alone, or all that it has started too. */
export type Scope = 'process' | 'tree';

/** What a process does not outlive its parent by. */
const treeEndTimeoutMs = 5_000;

/** One `stratum node start`, in a folder of its own; it ends with the test, whose end of a pipe it watches. */
export class ClusterProcess {
  readonly id: string;
  readonly dataDir: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  /** Where its log begins since the latest start. */
  #logStart = 0;

  constructor(id: string, folder: string) {
    this.id = id;
    this.#folder = join(folder, id);
    this.dataDir = join(this.#folder, 'data');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The process and all that it has started. */
  get tree(): readonly number[] {
    return this.isRunning ? processTree(this.pid) : [];
  }

  /** Process ids of the etcd that it has started; the packed one bears a name of its own that begins alike. */
  get etcdPids(): readonly number[] {
    return this.tree.filter((pid) => commandName(pid).startsWith('etcd'));
  }

  /** What it has logged since its latest start. */
  get log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile).subarray(this.#logStart).toString() : '';
  }

  async configure(settings: object): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#configFile, stringify({ nodeId: this.id, dataDir: this.dataDir, ...settings }));
  }

  start(): void {
    const log = openSync(this.#logFile, 'a');
    this.#logStart = readFileSync(this.#logFile).length;
    try {
      this.#child = spawn(stratumBinary, ['node', 'start', '--config', this.#configFile], {
        cwd: this.#folder,
        env: { PATH: process.env.PATH, HOME: this.#folder, STRATUM_CONFIG_DIR: this.#folder },
        stdio: ['pipe', log, log],
      });
    } finally {
      closeSync(log);
    }
    this.#child.stdin?.on('error', () => undefined); // A process that is gone shows by its exit.
  }

  signal(name: 'SIGSTOP' | 'SIGCONT', scope: Scope): void {
    for (const pid of scope === 'tree' ? this.tree : [this.pid]) process.kill(pid, name);
  }

  /** SIGKILL to the process alone; resolves when all that it had started has ended too. */
  async kill(): Promise<void> {
    const { tree } = this;
    this.#child?.kill('SIGKILL');
    await until(`the end of ${this.id} and its children`, treeEndTimeoutMs, (tell) => {
      const left = tree.filter(isRunning);
      tell(`still there: ${left.join(', ')}`);
      return left.length === 0 && !this.isRunning ? true : undefined;
    });
  }

  /** Ends everything, at the end of a test: stopped processes too, which would not notice. */
  async end(): Promise<void> {
    const { tree } = this;
    for (const pid of tree) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    await until(`the end of ${this.id}`, treeEndTimeoutMs, () => (tree.some(isRunning) ? undefined : true));
  }

  /** The exit code of a process that ends by itself. */
  ended(timeoutMs: number): Promise<number> {
    return until(`${this.id} ends by itself`, timeoutMs, (tell) => {
      tell(this.log);
      return this.#child?.exitCode ?? undefined;
    });
  }

  /** Its data is gone, as after the loss of a disk. */
  async wipe(): Promise<void> {
    await rm(this.dataDir, { recursive: true });
  }

  get #configFile(): string {
    return join(this.#folder, 'node.yaml');
  }

  get #logFile(): string {
    return join(this.#folder, 'node.log');
  }
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Finished, type RunOptions, run, succeed } from './process.ts';

/** The binary under test: the packed one unless STRATUM_BIN names another. */
export const stratumBinary = resolve(process.env.STRATUM_BIN ?? 'out/stratum');

/** A process as `cluster status -o json` lists it. */
export interface ClusterProcess {
  readonly id: string;
  readonly role: string;
  readonly pid: number;
  readonly state: 'running' | 'exited';
  readonly address: string;
  readonly gitUrl?: string;
  readonly nodeState?: string;
}

/** A real local cluster of the packed binary, on ports of the system's choice, in a folder of its own. */
export class LocalCluster {
  readonly folder: string;
  /** What its commands see of the environment. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { STRATUM_CONFIG_DIR: join(folder, 'config'), HOME: join(folder, 'home') };
  }

  /** Starts a cluster and waits until it is ready. */
  static async start(...flags: string[]): Promise<LocalCluster> {
    const cluster = new LocalCluster(await mkdtemp(join(tmpdir(), 'stratum-e2e-')));
    try {
      await cluster.up(...flags);
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  /** Runs a command of the binary that must succeed. */
  stratum(...args: string[]): Promise<string> {
    return succeed(stratumBinary, args, { cwd: this.folder, env: this.env });
  }

  /** Runs a command of the binary that may fail. */
  attempt(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(stratumBinary, args, { cwd: this.folder, ...options, env: { ...this.env, ...options.env } });
  }

  /** Starts the cluster, or what is missing of it. */
  async up(...flags: string[]): Promise<void> {
    const ports = flags.includes('--git-port') ? [] : ['--git-port', '0'];
    await this.stratum('cluster', 'up', '--detach', '--data-dir', this.dataDir, ...ports, ...flags);
  }

  /** All processes of the cluster. */
  async processes(): Promise<readonly ClusterProcess[]> {
    const { stdout, stderr } = await this.attempt(['cluster', 'status', '-o', 'json']);
    try {
      return (JSON.parse(stdout) as { items: ClusterProcess[] }).items;
    } catch (error) {
      throw new Error(`cluster status printed no JSON: ${stdout}\n${stderr}`, { cause: error });
    }
  }

  /** Base URL for git. */
  async gitUrl(): Promise<string> {
    const frontend = (await this.processes()).find(({ gitUrl }) => gitUrl !== undefined && gitUrl !== '');
    if (frontend?.gitUrl === undefined) throw new Error('the cluster lists no frontend');
    return frontend.gitUrl.replace(/\/$/, '');
  }

  /** Sends a signal to a process of the cluster and waits until it is gone. */
  async kill(id: string): Promise<void> {
    const target = (await this.processes()).find((each) => each.id === id && each.state === 'running');
    if (target === undefined) throw new Error(`no running process ${id}`);
    process.kill(target.pid, 'SIGKILL');
    await gone([target.pid]);
  }

  /** Kills every node and the supervisor at once, as a power cut would. */
  async killEverything(): Promise<void> {
    const nodes = (await this.processes()).filter(({ state }) => state === 'running').map(({ pid }) => pid);
    const supervisor = JSON.parse(await readFile(join(this.dataDir, 'supervisor.json'), 'utf8')) as { pid: number };
    const pids = [supervisor.pid, ...nodes];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await gone(pids);
  }

  /** Stops the cluster and removes its folder. */
  async remove(): Promise<void> {
    await this.attempt(['cluster', 'down', '--data-dir', this.dataDir]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when none of the processes runs any more. */
async function gone(pids: readonly number[]): Promise<void> {
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (pids.some(isRunning)) return;
    clearInterval(timer);
    done();
  }, 10);
  await promise;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: there is no such process.
  }
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemCode } from '../../src/base/errors.ts';
import { type Finished, type RunOptions, run, succeed } from './process.ts';
import { isRunning, processesWith } from './process-tree.ts';
import { takePorts } from './test-ports.ts';
import { until } from './until.ts';

/** The binary under test: the packed one unless STRATUM_BIN names another. */
export const stratumBinary = resolve(process.env.STRATUM_BIN ?? 'out/stratum');

/** In a row for a cluster: it has eight nodes unless flags say otherwise. */
const nodePorts = 16;

/** What SIGKILL takes on a machine that is busy. */
const endTimeoutMs = 30_000;

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

/** A real local cluster of the packed binary, on ports that no other test uses, in a folder of its own. */
export class LocalCluster {
  readonly folder: string;
  /** What its commands see of the environment. */
  readonly env: Readonly<Record<string, string>>;

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { STRATUM_CONFIG_DIR: join(folder, 'config'), HOME: join(folder, 'home') };
  }

  /** Starts a cluster and waits until it is ready; one that is to choose its ports itself gets the flags for it. */
  static async start(...flags: string[]): Promise<LocalCluster> {
    const cluster = new LocalCluster(await mkdtemp(join(tmpdir(), 'stratum-e2e-')));
    try {
      const [gitPort, basePort] = await takePorts(nodePorts + 1);
      const ports = ['--git-port', String(gitPort), '--base-port', String(basePort)];
      await cluster.up(...(flags.includes('--git-port') ? [] : ports), ...flags);
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

  /** Ends the cluster without ceremony and removes its folder: how one stops in order has tests of its own. */
  async remove(): Promise<void> {
    await until('the end of the cluster', endTimeoutMs, (tell) => {
      // The supervisor and its nodes have the folder on their command lines.
      const pids = processesWith(this.folder);
      for (const pid of pids) kill(pid);
      tell(`still there: ${pids.join(', ')}`);
      return pids.length === 0 ? true : undefined;
    });
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Resolves when none of the processes runs any more. */
async function gone(pids: readonly number[]): Promise<void> {
  await until('the end of what was killed', endTimeoutMs, (tell) => {
    const left = pids.filter(isRunning);
    tell(`still there: ${left.join(', ')}`);
    return left.length === 0 ? true : undefined;
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself meanwhile.
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GitClient } from '../e2e/git-client.ts';
import { LocalCluster } from '../e2e/local-cluster.ts';
import { findApache, giveToServer, startApache } from './apache.ts';
import type { BenchRepository } from './clone-repositories.ts';
import { serverProcessorMs } from './clone-server-load.ts';
import { startHttpBackend } from './http-backend.ts';

/** The frontend that most jobs ask. */
const frontend = 'frontend-1';

/** The cluster under test, with two frontends. */
export class StratumServer {
  readonly cluster: LocalCluster;
  readonly port: number;
  /** The second frontend, which nobody asks before its job. */
  readonly secondPort: number;
  readonly #pids: readonly number[];

  static async start(): Promise<StratumServer> {
    const cluster = await LocalCluster.start('--frontends', '2', '--git-port', '0');
    const nodes = await cluster.processes();
    const portOf = (id: string) => Number(new URL(nodes.find((node) => node.id === id)?.gitUrl ?? '').port);
    const pids = nodes.map(({ pid }) => pid);
    return new StratumServer(cluster, { port: portOf(frontend), secondPort: portOf('frontend-2'), pids });
  }

  private constructor(cluster: LocalCluster, at: { port: number; secondPort: number; pids: readonly number[] }) {
    this.cluster = cluster;
    this.port = at.port;
    this.secondPort = at.secondPort;
    this.#pids = at.pids;
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.port}/team/${name}`;
  }

  /** Of all processes of the cluster. */
  processorMs(): number {
    return serverProcessorMs(this.#pids);
  }

  /** What its background maintenance does in time; gives what it said. */
  maintain(name: string): Promise<string> {
    return this.#tried(['repo', 'maintain', `team/${name}`, '--full', '--frontend', frontend, '-o', 'json']);
  }

  /** Drops what the first frontend has of a repository; undefined where that is not possible. */
  async purge(name: string): Promise<true | undefined> {
    const said = await this.#tried([
      'cache',
      'purge',
      `team/${name}`,
      '--repositories',
      '--frontend',
      frontend,
      '--yes',
    ]);
    return said === '' ? true : undefined;
  }

  /** Empty when it worked, else why not in a line. */
  async #tried(args: readonly string[]): Promise<string> {
    const { code, stderr } = await this.cluster.attempt(args, { timeoutMs: 180_000 });
    return code === 0 ? '' : (stderr.trim().split('\n').at(-1) ?? `exit code ${code}`);
  }
}

/** The peer: Apache and git's own server, on bare repositories below one folder. */
export class PeerServer {
  /** As the table calls it. */
  readonly name: string;
  readonly port: number;
  readonly root: string;
  readonly #stops: readonly (() => Promise<unknown>)[];
  /** A second Apache that waits for the programs that it starts, to read what they cost; the other one is faster. */
  readonly #measured: { port: number; pid: number } | undefined;

  static async start(folder: string): Promise<PeerServer> {
    // Apache runs as another user.
    await chmod(folder, 0o755);
    const root = join(folder, 'peer');
    await mkdir(join(root, 'team'), { recursive: true });
    const found = findApache();
    if (found === undefined) {
      const { url, server } = await startHttpBackend(root);
      const stop = async () => {
        server.close();
        server.closeAllConnections();
      };
      return new PeerServer('node + http-backend, for want of Apache', { port: portOf(url), root, stops: [stop] });
    }
    const apaches = [];
    for (const cgi of ['cgid', 'cgi'] as const) {
      apaches.push(await startApache(found, { folder: join(folder, cgi), projectRoot: root, cgi }));
    }
    const [fast, counted] = apaches;
    if (fast === undefined || counted === undefined) throw new Error('no Apache');
    const stops = apaches.map(({ stop }) => stop);
    const measured = { port: portOf(counted.url), pid: counted.pid };
    return new PeerServer(`${fast.version} + git-http-backend`, { port: portOf(fast.url), root, stops, measured });
  }

  private constructor(
    name: string,
    at: {
      port: number;
      root: string;
      stops: readonly (() => Promise<unknown>)[];
      measured?: { port: number; pid: number };
    },
  ) {
    this.name = name;
    this.port = at.port;
    this.root = at.root;
    this.#stops = at.stops;
    this.#measured = at.measured;
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.port}/team/${name}`;
  }

  /** Serves a prepared repository. */
  async serve({ name, folder }: BenchRepository): Promise<void> {
    await symlink(folder, join(this.root, 'team', name));
  }

  /** An empty repository that may be pushed to. */
  async create(name: string, like: BenchRepository): Promise<void> {
    const path = join(this.root, 'team', name);
    const format = await like.git.git('rev-parse', '--show-object-format');
    await new GitClient(this.root).git('init', '--quiet', '--bare', `--object-format=${format}`, path);
    await giveToServer(path);
  }

  /** The server whose processor time can be read, and how; undefined where none can. */
  get counted(): { port: number; processorMs: () => number } | undefined {
    const measured = this.#measured;
    return measured && { port: measured.port, processorMs: () => serverProcessorMs([measured.pid]) };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
  }
}

/** Node alone, which streams recorded answers from a folder. */
export class BareNode {
  readonly port: number;
  readonly #child: ChildProcess;

  static async start(folder: string): Promise<BareNode> {
    const script = join(import.meta.dirname, 'bare-node.ts');
    const child = fork(script, [folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [port] = (await once(child, 'message')) as [number];
    return new BareNode(child, port);
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  processorMs(): number {
    return serverProcessorMs([this.#child.pid ?? 0]);
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

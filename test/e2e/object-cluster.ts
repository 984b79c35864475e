import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterProcess } from './cluster-process.ts';
import { timings } from './coordinator-cluster.ts';
import { FaultyLink } from './faulty-link.ts';
import { stratumBinary } from './local-cluster.ts';
import { ObjectClient } from './object-client.ts';
import { type Finished, run } from './process.ts';
import { takePort } from './test-ports.ts';
import { until } from './until.ts';

const startTimeoutMs = 30_000;

const logTailCharacters = 3_000;

/** Real processes of the binary: one coordinator, and three object nodes that clients reach through links that can fail. */
export class ObjectCluster {
  readonly folder: string;
  readonly objectIds = ['o1', 'o2', 'o3'] as const;
  readonly #processes = new Map<string, ClusterProcess>();
  readonly #links = new Map<string, FaultyLink>();
  readonly #clients = new Set<ObjectClient>();
  #gitPort = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** With `git`, also three metadata nodes and a frontend. Resolves when all can serve. */
  static async start({ git = false } = {}): Promise<ObjectCluster> {
    const cluster = new ObjectCluster(await mkdtemp(join(tmpdir(), 'stratum-e2e-')));
    try {
      await cluster.#configure(git);
      for (const process of cluster.#processes.values()) process.start();
      if (git) await cluster.healthy();
      else await cluster.disconnect(await cluster.connect());
      return cluster;
    } catch (error) {
      const logs = cluster.logTails;
      await cluster.remove();
      throw new Error(`the cluster did not start\n${logs}`, { cause: error });
    }
  }

  get logTails(): string {
    return [...this.#processes].map(([id, { log }]) => `--- ${id}\n${log.slice(-logTailCharacters)}`).join('\n');
  }

  get gitUrl(): string {
    return `http://127.0.0.1:${this.#gitPort}`;
  }

  process(id: string): ClusterProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id}`);
    return process;
  }

  /** The way to an object node, or, by the id c1, the clients' way to the coordinator. */
  link(id: string): FaultyLink {
    const link = this.#links.get(id);
    if (link === undefined) throw new Error(`no link to ${id}`);
    return link;
  }

  /** A client of its own, with connections of its own. */
  async connect(): Promise<ObjectClient> {
    const client = await ObjectClient.connect(this.link('c1').address, this.objectIds.length);
    this.#clients.add(client);
    return client;
  }

  async disconnect(client: ObjectClient): Promise<void> {
    this.#clients.delete(client);
    await client.close();
  }

  /** Runs a command that talks to the coordinator. */
  command(args: readonly string[], input?: string): Promise<Finished> {
    const env = {
      STRATUM_COORDINATORS: this.link('c1').address,
      STRATUM_CONFIG_DIR: this.folder,
      HOME: this.folder,
    };
    return run(stratumBinary, args, { cwd: this.folder, env, ...(input === undefined ? {} : { input }) });
  }

  async healthy(): Promise<void> {
    await until('stratum cluster health ends with 0', startTimeoutMs, async (tell) => {
      const { code, stdout, stderr } = await this.command(['cluster', 'health', '-o', 'json', '--timeout', '3s']);
      tell(`exit code ${code}: ${stdout}${stderr}`);
      return code === 0 ? true : undefined;
    });
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
    await Promise.all([...this.#processes.values()].map((process) => process.end()));
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    await rm(this.folder, { recursive: true, force: true });
  }

  async #configure(git: boolean): Promise<void> {
    const coordinatorPort = await takePort();
    const coordinator = `127.0.0.1:${coordinatorPort}`;
    const common = (role: string) => ({
      roles: [role],
      coordinators: [coordinator],
      exitWithParent: true,
      cluster: { bootstrapExpectMetadata: 3 },
      timings,
    });
    this.#links.set('c1', await FaultyLink.open(coordinatorPort));
    await this.#add('c1', { ...common('coordinator'), listen: coordinator });
    for (const id of this.objectIds) {
      const port = await takePort();
      const link = await FaultyLink.open(port);
      this.#links.set(id, link);
      await this.#add(id, { ...common('object'), listen: `127.0.0.1:${port}`, advertise: link.address });
    }
    if (!git) return;
    for (const id of ['m1', 'm2', 'm3']) await this.#add(id, { ...common('metadata'), listen: '127.0.0.1:0' });
    this.#gitPort = await takePort();
    const httpListen = `127.0.0.1:${this.#gitPort}`;
    await this.#add('f1', { ...common('frontend'), listen: '127.0.0.1:0', httpListen });
  }

  async #add(id: string, settings: object): Promise<void> {
    const process = new ClusterProcess(id, this.folder);
    await process.configure(settings);
    this.#processes.set(id, process);
  }
}

/** How many files and sockets a process holds open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetadataClientOptions } from '../../src/client/metadata-client.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { ClusterProcess } from './cluster-process.ts';
import { timings as coordinatorTimings } from './coordinator-cluster.ts';
import { stratumBinary } from './local-cluster.ts';
import { isWhole, MetadataConnection } from './metadata-connection.ts';
import { PairNetwork } from './metadata-network.ts';
import { type Finished, run } from './process.ts';
import { connectionHolders, type Holders } from './process-tree.ts';
import { takePort } from './test-ports.ts';
import { until } from './until.ts';

/** The contract's lease of a local cluster, in milliseconds. */
export const leaseMs = 1_000;

const timings = { ...coordinatorTimings, metadataLeaseMs: leaseMs };

/** The machine may be busy with other tests: a process takes a second or two of one core to start. */
const startTimeoutMs = 90_000;

/** What a process may take to stop in order. */
const stopTimeoutMs = 30_000;

const logTailCharacters = 3_000;

/** What there is beside the coordinator and the three metadata nodes m1 to m3. */
export interface MetadataClusterShape {
  /** Object nodes o1 to o3, and frontends f1 … */
  readonly frontends: number;
}

function hasRing({ ring, nodes }: Topology): boolean {
  const serving = [...nodes.values()].filter(({ roles, state }) => roles.includes('object') && state === 'ACTIVE');
  return ring.epoch > 0n && serving.length === 3;
}

/** Real processes of the binary: one coordinator, and metadata nodes whose network can be cut. */
export class MetadataCluster {
  readonly folder: string;
  readonly network: PairNetwork;
  readonly #processes = new Map<string, ClusterProcess>();
  readonly #gitPorts = new Map<string, number>();
  readonly #connections: MetadataConnection[] = [];
  #metadataIds: readonly string[] = [];
  #coordinator = '';

  private constructor(folder: string) {
    this.folder = folder;
    this.network = new PairNetwork({ look: () => this.#holders() });
  }

  /** Starts the processes; resolves when all partitions have three replicas in sync and git can be served. */
  static async start({ frontends }: MetadataClusterShape): Promise<MetadataCluster> {
    const cluster = new MetadataCluster(await mkdtemp(join(tmpdir(), 'stratum-metadata-')));
    try {
      await cluster.#configure(frontends);
      for (const process of cluster.#processes.values()) process.start();
      const connection = await cluster.connect();
      await connection.reaches('all in sync', startTimeoutMs, isWhole(cluster.metadataIds));
      if (frontends > 0) {
        await connection.reaches('a ring of three', startTimeoutMs, hasRing);
        for (const id of cluster.#gitPorts.keys()) await cluster.#serves(id);
      }
      return cluster;
    } catch (error) {
      const logs = cluster.logTails;
      await cluster.remove();
      throw new Error(`the cluster did not start\n${logs}`, { cause: error });
    }
  }

  /** The metadata nodes that have been configured, in the order of their ids. */
  get metadataIds(): readonly string[] {
    return this.#metadataIds;
  }

  /** host:port of the coordinator. */
  get coordinator(): string {
    return this.#coordinator;
  }

  get logTails(): string {
    return [...this.#processes].map(([id, { log }]) => `--- ${id}\n${log.slice(-logTailCharacters)}`).join('\n');
  }

  process(id: string): ClusterProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id}`);
    return process;
  }

  /** Base URL for git at a frontend. */
  gitUrl(frontendId = 'f1'): string {
    return `http://127.0.0.1:${this.#gitPorts.get(frontendId)}`;
  }

  /** A client with connections of its own; it is closed with the cluster. */
  async connect(options: MetadataClientOptions = {}): Promise<MetadataConnection> {
    const connection = await MetadataConnection.open(this.#coordinator, options);
    this.#connections.push(connection);
    return connection;
  }

  /** One more metadata node, not started yet; `dataDir` is where its disk is. */
  async addMetadata(id: string, options: { readonly dataDir?: string } = {}): Promise<ClusterProcess> {
    const port = await takePort();
    const advertise = await this.network.proxy(id, port);
    this.#metadataIds = [...this.#metadataIds, id];
    return this.#add(id, 'metadata', { listen: `127.0.0.1:${port}`, advertise, ...options });
  }

  /** SIGTERM, and waits for its end; it must end well. */
  async stop(id: string): Promise<void> {
    const stopped = this.process(id);
    process.kill(stopped.pid, 'SIGTERM');
    const code = await stopped.ended(stopTimeoutMs);
    if (code !== 0) throw new Error(`${id} ended with ${code}\n${stopped.log.slice(-logTailCharacters)}`);
  }

  /** Runs a command that talks to the coordinator. */
  command(...args: readonly string[]): Promise<Finished> {
    const env = { STRATUM_COORDINATORS: this.#coordinator, STRATUM_CONFIG_DIR: this.folder, HOME: this.folder };
    return run(stratumBinary, args, { cwd: this.folder, env });
  }

  /** Ends the processes and leaves the folder. */
  async end(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all([...this.#processes.values()].map((process) => process.end()));
    await this.network.close();
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #configure(frontends: number): Promise<void> {
    const port = await takePort();
    this.#coordinator = await this.network.proxy('c1', port);
    await this.#add('c1', 'coordinator', { listen: `127.0.0.1:${port}`, advertise: this.#coordinator });
    for (const id of ['m1', 'm2', 'm3']) await this.addMetadata(id);
    if (frontends === 0) return;
    for (const id of ['o1', 'o2', 'o3']) await this.#add(id, 'object', { listen: '127.0.0.1:0' });
    for (let number = 1; number <= frontends; number += 1) {
      const gitPort = await takePort();
      this.#gitPorts.set(`f${number}`, gitPort);
      await this.#add(`f${number}`, 'frontend', { listen: '127.0.0.1:0', httpListen: `127.0.0.1:${gitPort}` });
    }
  }

  async #add(id: string, role: string, settings: object): Promise<ClusterProcess> {
    const process = new ClusterProcess(id, this.folder);
    await process.configure({
      roles: [role],
      coordinators: [this.#coordinator],
      exitWithParent: true,
      cluster: { bootstrapExpectMetadata: 3 },
      timings,
      ...settings,
    });
    this.#processes.set(id, process);
    return process;
  }

  async #serves(frontendId: string): Promise<void> {
    // A repository that is not there: the metadata nodes have said so.
    const url = `${this.gitUrl(frontendId)}/e2e/nowhere.git/info/refs?service=git-upload-pack`;
    await until(`${frontendId} answers`, startTimeoutMs, async (tell) => {
      const status = await fetch(url).then(
        (response) => response.status,
        (error: Error) => error.message,
      );
      tell(String(status));
      return status === 404 ? true : undefined;
    });
  }

  #holders(): Holders {
    const running = [...this.#processes.values()].filter(({ isRunning }) => isRunning);
    return connectionHolders(new Map(running.map(({ id, pid }) => [pid, id])));
  }
}

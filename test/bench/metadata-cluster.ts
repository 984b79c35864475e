import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { choosePort } from '../../src/cli/local-cluster/ports.ts';
import { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { MetadataClient } from '../../src/client/metadata-client.ts';
import { TopologyView } from '../../src/client/topology-view.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import type { Partition, Topology } from '../../src/topology/topology.ts';
import { ClusterProcess } from '../e2e/cluster-process.ts';
import { timings } from '../e2e/coordinator-cluster.ts';
import { recordingLog } from '../unit/base/recording-log.ts';

const formedTimeoutMs = 30_000;

/** The lease of a local cluster; 0 leaves the setting out. */
const leaseMs = Number(process.env.LEASE_MS ?? 1_000);

/** Real `stratum node start` processes on loopback: one coordinator and three metadata nodes, and a client of them. */
export class MetadataCluster {
  readonly client: MetadataClient;
  readonly #folder: string;
  readonly #view: TopologyView;
  readonly #channels = new ChannelPool();
  readonly #processes: ReadonlyMap<string, ClusterProcess>;

  private constructor(folder: string, coordinator: string, processes: ReadonlyMap<string, ClusterProcess>) {
    this.#folder = folder;
    this.#processes = processes;
    const modules = { clock: systemClock, random: systemRandom, channels: this.#channels };
    const feed = new CoordinatorClient({ endpoints: [coordinator] }, modules);
    this.#view = new TopologyView({}, { ...modules, feed, log: recordingLog() });
    this.client = new MetadataClient({ writeTimeoutMs: 120_000 }, { ...modules, topology: this.#view });
  }

  /** Resolves when every partition has all its replicas in sync. */
  static async start(): Promise<MetadataCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-metadata-'));
    const coordinator = `127.0.0.1:${await choosePort(systemRandom, new Set())}`;
    const processes = new Map<string, ClusterProcess>();
    for (const id of ['c1', 'm1', 'm2', 'm3']) {
      const started = new ClusterProcess(id, folder);
      const isCoordinator = id === 'c1';
      await started.configure({
        roles: [isCoordinator ? 'coordinator' : 'metadata'],
        coordinators: [coordinator],
        listen: isCoordinator ? coordinator : '127.0.0.1:0',
        exitWithParent: true,
        cluster: { bootstrapExpectMetadata: 3 },
        timings: { ...timings, ...(leaseMs > 0 && { metadataLeaseMs: leaseMs }) },
      });
      started.start();
      processes.set(id, started);
    }
    const cluster = new MetadataCluster(folder, coordinator, processes);
    try {
      await cluster.#view.start();
      const isWhole = ({ partitions }: Topology) =>
        partitions.length > 0 && partitions.every(({ inSync, replicas }) => inSync.length === replicas.length);
      await cluster.#view.waitFor(isWhole, AbortSignal.timeout(formedTimeoutMs));
      return cluster;
    } catch (error) {
      const logs = [...processes.values()].map(({ id, log }) => `--- ${id}\n${log.slice(-2_000)}`).join('\n');
      await cluster.remove();
      throw new Error(`the cluster did not form\n${logs}`, { cause: error });
    }
  }

  /** Process ids of the metadata nodes. */
  get pids(): readonly number[] {
    return [...this.#processes.values()].filter(({ id }) => id !== 'c1').map(({ pid }) => pid);
  }

  /** The partitions as the client knows them. */
  get partitions(): readonly Partition[] {
    return this.#view.current()?.partitions ?? [];
  }

  /** SIGKILL to a node. */
  async kill(nodeId: string): Promise<void> {
    const process = this.#processes.get(nodeId);
    if (process === undefined) throw new Error(`no process ${nodeId}`);
    await process.kill();
  }

  async remove(): Promise<void> {
    await this.#view.stop();
    this.#channels.close();
    await Promise.all([...this.#processes.values()].map((process) => process.end()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

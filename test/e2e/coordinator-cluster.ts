import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import type { GetLeaderResponse } from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import { ClusterProcess } from './cluster-process.ts';
import { stratumBinary } from './local-cluster.ts';
import { type Finished, run } from './process.ts';
import { connectionHolders, type Holders } from './process-tree.ts';
import { Network } from './tcp-proxy.ts';
import { takePort, takePorts } from './test-ports.ts';
import { until } from './until.ts';

/** The contract's timings of a local cluster. */
export const timings = {
  heartbeatIntervalMs: 1_000,
  suspectTimeoutMs: 3_000,
  downTimeoutMs: 6_000,
  detectorTickMs: 250,
  leaderGraceMs: 3_000,
  joiningTimeoutMs: 60_000,
  leaderLeaseMs: 3_000,
  heartbeatBatchMs: 1_000,
};

const startTimeoutMs = 60_000;

/** What the requirement leaves a cluster to be whole again after a fault. */
const healTimeoutMs = 30_000;

/** One word of one coordinator about who leads. */
const askTimeoutMs = 500;

const logTailCharacters = 4_000;

/** A coordinator and its addresses: its own ports, and those that lead there through the network. */
interface CoordinatorPlace {
  readonly process: ClusterProcess;
  readonly grpcPort: number;
  readonly peerPort: number;
  /** host:port under which everybody else reaches it. */
  readonly address: string;
  readonly peerAddress: string;
}

/** How many nodes of each role beside the coordinators. */
export interface ClusterShape {
  readonly metadata: number;
  readonly frontends: number;
}

/** Real processes of the binary, three coordinators with an etcd member each among them, on a network that can be cut. */
export class CoordinatorCluster {
  readonly folder: string;
  readonly network: Network;
  readonly channels = new ChannelPool();
  readonly #places = new Map<string, CoordinatorPlace>();
  readonly #nodes = new Map<string, ClusterProcess>();
  readonly #gitPorts = new Map<string, number>();
  readonly #shape: ClusterShape;

  private constructor(folder: string, shape: ClusterShape) {
    this.folder = folder;
    this.#shape = shape;
    this.network = new Network({ look: () => this.#connectionHolders() });
  }

  /** Starts a cluster with coordinators c1 to c3 and object nodes o1 to o3; resolves when it can serve. */
  static async start(shape: ClusterShape): Promise<CoordinatorCluster> {
    const cluster = new CoordinatorCluster(await mkdtemp(join(tmpdir(), 'stratum-e2e-')), shape);
    try {
      for (const id of ['c1', 'c2', 'c3']) await cluster.#place(id);
      for (const id of cluster.coordinatorIds) await cluster.#configureCoordinator(id, cluster.coordinatorIds);
      for (const id of ids('o', 3)) await cluster.#addNode(id, 'object');
      for (const id of ids('m', shape.metadata)) await cluster.#addNode(id, 'metadata');
      for (const id of ids('f', shape.frontends)) await cluster.#addNode(id, 'frontend');
      for (const process of cluster.#processes()) process.start();
      await cluster.healthy(startTimeoutMs);
      return cluster;
    } catch (error) {
      const logs = cluster.logTails;
      await cluster.remove();
      throw new Error(`the cluster did not start\n${logs}`, { cause: error });
    }
  }

  get coordinatorIds(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** host:port of every coordinator as clients reach it. */
  get addresses(): readonly string[] {
    return [...this.#places.values()].map(({ address }) => address);
  }

  /** The ends of the coordinators' logs, to be shown with a failure. */
  get logTails(): string {
    return [...this.#places]
      .map(([id, { process }]) => `--- ${id}\n${process.log.slice(-logTailCharacters)}`)
      .join('\n');
  }

  coordinator(id: string): CoordinatorPlace {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`no coordinator ${id}`);
    return place;
  }

  node(id: string): ClusterProcess {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** host:port of a coordinator's own port, where no proxy stands between. */
  directAddress(id: string): string {
    return `127.0.0.1:${this.coordinator(id).grpcPort}`;
  }

  /** Base URL for git. */
  gitUrl(frontendId: string): string {
    return `http://127.0.0.1:${this.#gitPorts.get(frontendId)}`;
  }

  client(endpoints: readonly string[] = this.addresses): CoordinatorClient {
    return new CoordinatorClient({ endpoints }, { channels: this.channels, clock: systemClock, random: systemRandom });
  }

  /** The first word of one of the coordinators that names a leader, which satisfies the predicate. */
  leader(
    askedIds: readonly string[],
    timeoutMs: number,
    predicate: (answer: GetLeaderResponse) => boolean = () => true,
  ): Promise<GetLeaderResponse> {
    const clients = askedIds.map((id) => this.client([this.coordinator(id).address]));
    return until(`a leader in the words of ${askedIds.join(', ')}`, timeoutMs, async (tell) => {
      const answers = await Promise.allSettled(clients.map((each) => each.getLeader({ timeoutMs: askTimeoutMs })));
      tell(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.leaderId : 'no answer')).join(', '));
      return answers
        .filter((answer) => answer.status === 'fulfilled')
        .map(({ value }) => value)
        .find((answer) => answer.leaderId !== '' && predicate(answer));
    });
  }

  /** Runs a command that talks to the coordinators. */
  command(...args: readonly string[]): Promise<Finished> {
    const env = { STRATUM_COORDINATORS: this.addresses.join(','), STRATUM_CONFIG_DIR: this.folder, HOME: this.folder };
    return run(stratumBinary, args, { cwd: this.folder, env });
  }

  /** Resolves with the milliseconds that `stratum cluster health` took to end with 0. */
  async healthy(timeoutMs = healTimeoutMs): Promise<number> {
    const beganMs = performance.now();
    await until('stratum cluster health ends with 0', timeoutMs, async (tell) => {
      const { code, stdout, stderr } = await this.command('cluster', 'health', '-o', 'json', '--timeout', '3s');
      tell(`exit code ${code}: ${stdout}${stderr}`);
      return code === 0 ? true : undefined;
    });
    return Math.round(performance.now() - beganMs);
  }

  /** A coordinator that is not started yet, with its place on the network; gives host:port of its future etcd member. */
  async prepareCoordinator(id: string): Promise<string> {
    const { peerAddress } = await this.#place(id);
    await this.#configureCoordinator(id, this.coordinatorIds);
    return peerAddress;
  }

  /** Takes a coordinator out of the list that clients are given; its process stays to be started again. */
  forgetCoordinator(id: string): ClusterProcess {
    const { process } = this.coordinator(id);
    this.#places.delete(id);
    this.#nodes.set(id, process);
    return process;
  }

  async remove(): Promise<void> {
    this.channels.close();
    await Promise.all(this.#processes().map((process) => process.end()));
    await this.network.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  #processes(): readonly ClusterProcess[] {
    return [...[...this.#places.values()].map(({ process }) => process), ...this.#nodes.values()];
  }

  async #place(id: string): Promise<CoordinatorPlace> {
    const [grpcPort = 0, peerPort = 0] = await takePorts(2);
    const place = {
      process: new ClusterProcess(id, this.folder),
      grpcPort,
      peerPort,
      address: await this.network.proxy(id, grpcPort),
      peerAddress: await this.network.proxy(id, peerPort),
    };
    this.#places.set(id, place);
    return place;
  }

  async #configureCoordinator(id: string, peerIds: readonly string[]): Promise<void> {
    const { process, grpcPort, peerPort, address } = this.coordinator(id);
    await process.configure({
      ...this.#common('coordinator'),
      listen: `127.0.0.1:${grpcPort}`,
      advertise: address,
      etcd: {
        peers: Object.fromEntries(peerIds.map((peerId) => [peerId, this.coordinator(peerId).peerAddress])),
        peerListen: `127.0.0.1:${peerPort}`,
      },
    });
  }

  async #addNode(id: string, role: 'object' | 'metadata' | 'frontend'): Promise<void> {
    const node = new ClusterProcess(id, this.folder);
    const gitPort = role === 'frontend' ? await takePort() : undefined;
    if (gitPort !== undefined) this.#gitPorts.set(id, gitPort);
    await node.configure({
      ...this.#common(role),
      listen: '127.0.0.1:0',
      ...(gitPort === undefined ? {} : { httpListen: `127.0.0.1:${gitPort}` }),
    });
    this.#nodes.set(id, node);
  }

  #common(role: string): object {
    return {
      roles: [role],
      coordinators: this.addresses,
      exitWithParent: true,
      cluster: { bootstrapExpectMetadata: this.#shape.metadata },
      timings,
    };
  }

  /** The coordinators whose processes, or whose etcd members, hold connections. */
  #connectionHolders(): Holders {
    const places = [...this.#places];
    return connectionHolders(new Map(places.map(([id, { process }]) => [process.pid, id])));
  }
}

function ids(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

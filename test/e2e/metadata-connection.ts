import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { MetadataClient, type MetadataClientOptions } from '../../src/client/metadata-client.ts';
import { TopologyView } from '../../src/client/topology-view.ts';
import { callUnary } from '../../src/rpc/call.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { CoordinatorServiceClient } from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import type { NodeIntent } from '../../src/rpc/gen/stratum/v1/types.ts';
import { partitionOfRepo } from '../../src/topology/partitioning.ts';
import type { Partition, Topology } from '../../src/topology/topology.ts';
import { recordingLog } from '../unit/base/recording-log.ts';

const topologyTimeoutMs = 60_000;
const intentTimeoutMs = 10_000;

/** The production code of a client of the metadata, in the process of the test. */
export class MetadataConnection {
  readonly view: TopologyView;
  readonly coordinator: CoordinatorClient;
  readonly metadata: MetadataClient;
  readonly #address: string;
  readonly #channels = new ChannelPool();

  private constructor(address: string, options: MetadataClientOptions) {
    const modules = { clock: systemClock, random: systemRandom, channels: this.#channels };
    this.#address = address;
    this.coordinator = new CoordinatorClient({ endpoints: [address] }, modules);
    this.view = new TopologyView({}, { ...modules, feed: this.coordinator, log: recordingLog() });
    this.metadata = new MetadataClient(options, { ...modules, topology: this.view });
  }

  /** `address` is the coordinator's. */
  static async open(address: string, options: MetadataClientOptions = {}): Promise<MetadataConnection> {
    const connection = new MetadataConnection(address, options);
    await connection.view.start();
    await connection.view.waitFor(() => true, AbortSignal.timeout(topologyTimeoutMs));
    return connection;
  }

  get topology(): Topology {
    const topology = this.view.current();
    if (topology === undefined) throw new Error('no topology is known');
    return topology;
  }

  /** The partition that a repository's name leads to. */
  partitionOf(repo: string): Partition {
    return partitionOfRepo(this.topology, repo);
  }

  /** The next of `<prefix>-1`, `<prefix>-2` … whose partition is the given one. */
  nameIn(partition: number, prefix: string, taken: ReadonlySet<string> = new Set()): string {
    for (let number = 1; ; number += 1) {
      const name = `${prefix}-${number}`;
      if (!taken.has(name) && this.partitionOf(name).id === partition) return name;
    }
  }

  /** Resolves with the first topology that satisfies the predicate; the error tells what the latest one was. */
  async reaches(what: string, timeoutMs: number, predicate: (topology: Topology) => boolean): Promise<Topology> {
    try {
      return await this.view.waitFor(predicate, AbortSignal.timeout(timeoutMs));
    } catch (error) {
      throw new Error(`${what}: not within ${timeoutMs} ms. ${this.describe()}`, { cause: error });
    }
  }

  /** Node states, and the partitions that are not whole. For people. */
  describe(): string {
    const { nodes, partitions } = this.topology;
    const states = [...nodes.values()].map(({ id, state, intent }) => `${id} ${state} ${intent}`).join(', ');
    const torn = partitions.filter(({ inSync, replicas }) => inSync.length < replicas.length);
    const shown = torn.slice(0, 5).map(({ id, primaryId, inSync, replicas, epoch }) => {
      return `${id}@${epoch}: ${primaryId} of ${inSync.join('+')} of ${replicas.join('+')}`;
    });
    return `${states}; ${torn.length} of ${partitions.length} partitions are not whole: ${shown.join('; ')}`;
  }

  async setIntent(nodeId: string, intent: NodeIntent): Promise<void> {
    const client = this.#channels.client(CoordinatorServiceClient, this.#address);
    const target = {
      endpoint: this.#address,
      method: 'SetNodeIntent',
      timeoutMs: intentTimeoutMs,
      clock: systemClock,
    };
    const audit = { actor: 'test', reason: 'a test', atMs: 0n };
    await callUnary(client.setNodeIntent.bind(client), { nodeId, intent, expectedVersion: 0n, audit }, target);
  }

  async close(): Promise<void> {
    await this.view.stop();
    this.#channels.close();
  }
}

/** Whether every metadata node that is named is ACTIVE, and every partition has all its replicas in sync, `replicas` of them. */
export function isWhole(nodeIds: readonly string[], replicas = 3) {
  return ({ nodes, partitions }: Topology): boolean =>
    nodeIds.every((id) => nodes.get(id)?.state === 'ACTIVE') &&
    partitions.length > 0 &&
    partitions.every((each) => each.inSync.length === each.replicas.length && each.replicas.length === replicas);
}

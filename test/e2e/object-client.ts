import { systemClock } from '../../src/base/clock.ts';
import { type Oid, oidFromBytes } from '../../src/base/oid.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { TopologyView } from '../../src/client/topology-view.ts';
import type { NodeDirectory } from '../../src/replication/node-directory.ts';
import { QuorumObjects } from '../../src/replication/quorum-objects.ts';
import { TopologyNodeDirectory } from '../../src/replication/topology-node-directory.ts';
import { callUnary } from '../../src/rpc/call.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { ObjectServiceClient } from '../../src/rpc/gen/stratum/v1/object.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { recordingLog } from '../unit/base/recording-log.ts';

const formedTimeoutMs = 30_000;
const listTimeoutMs = 10_000;

/** The production code of a writer and reader of blobs, in the process of the test. */
export class ObjectClient {
  readonly view: TopologyView;
  /** As production code makes it, without what the test may have put before it. */
  readonly nodes: TopologyNodeDirectory;
  readonly objects: QuorumObjects;
  readonly #pool: ChannelPool;

  /** `around` stands between the quorum code and the nodes. */
  private constructor(coordinator: string, around: (nodes: NodeDirectory) => NodeDirectory) {
    const [clock, random, log] = [systemClock, systemRandom, recordingLog()];
    this.#pool = new ChannelPool();
    const feed = new CoordinatorClient({ endpoints: [coordinator] }, { channels: this.#pool, clock, random });
    this.view = new TopologyView({}, { feed, clock, random, log });
    this.nodes = new TopologyNodeDirectory({ topology: this.view, pool: this.#pool, clock });
    this.objects = new QuorumObjects({}, { clock, topology: this.view, nodes: around(this.nodes) });
  }

  /** Connects, and waits for a ring of so many nodes that are all ACTIVE. */
  static async connect(
    coordinator: string,
    objectNodes: number,
    around: (nodes: NodeDirectory) => NodeDirectory = (nodes) => nodes,
  ): Promise<ObjectClient> {
    const client = new ObjectClient(coordinator, around);
    try {
      await client.view.start();
      const isWhole = ({ ring, nodes }: Topology) =>
        ring.epoch > 0n &&
        [...nodes.values()].filter(({ roles, state }) => roles.includes('object') && state === 'ACTIVE').length ===
          objectNodes;
      await client.view.waitFor(isWhole, AbortSignal.timeout(formedTimeoutMs));
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** The ids of all blobs of a node, at most 10,000. */
  async listBlobs(endpoint: string): Promise<readonly Oid[]> {
    const request = { positionFrom: 0n, positionTo: 2n ** 64n - 1n, cursor: Buffer.alloc(0), pageSize: 10_000 };
    const client = this.#pool.client(ObjectServiceClient, endpoint);
    const target = { endpoint, method: 'ListBlobs', timeoutMs: listTimeoutMs, clock: systemClock };
    const { entries } = await callUnary(client.listBlobs.bind(client), request, target);
    return entries.map(({ oid }) => oidFromBytes(oid));
  }

  async close(): Promise<void> {
    await this.view.stop();
    this.nodes.close();
    this.#pool.close();
  }
}

import { expect } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asStratumError, type StratumError } from '../../src/base/errors.ts';
import type { Fence } from '../../src/replication/node-io.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster } from './object-cluster.ts';

/** The object node that requests go to. */
const nodeId = 'o1';

/** A flip that comes once. */
const never = Number.MAX_SAFE_INTEGER;

type Call<T> = (node: RemoteNode) => Promise<T>;

/** Calls of an object node over connections of their own, with one bit flipped on the way or none. */
export class FlippedRequests {
  readonly #cluster: ObjectCluster;
  readonly #client: ObjectClient;

  private constructor(cluster: ObjectCluster, client: ObjectClient) {
    this.#cluster = cluster;
    this.#client = client;
  }

  static async start(): Promise<FlippedRequests> {
    const cluster = await ObjectCluster.start();
    return new FlippedRequests(cluster, await cluster.connect());
  }

  get fence(): Fence {
    const { term, ring } = this.#client.view.current() ?? expect.unreachable();
    return { term, ringEpoch: ring.epoch };
  }

  async sound<T>(call: Call<T>): Promise<T> {
    const pool = new ChannelPool();
    const node = new RemoteNode({ nodeId, endpoint: this.#cluster.link(nodeId).address }, { pool, clock: systemClock });
    try {
      return await call(node);
    } finally {
      node.close();
      pool.close();
    }
  }

  /** How the call ends for each of these bytes when a bit of that one, which the call sends, is flipped. */
  async flipped<T>(bytes: readonly number[], call: Call<T>): Promise<readonly (T | StratumError)[]> {
    const ends: (T | StratumError)[] = [];
    const link = this.#cluster.link(nodeId);
    for (const byte of bytes) {
      await link.break({ kind: 'flip', direction: 'to-node', firstByte: byte, everyBytes: never });
      ends.push(await this.sound((node) => call(node).catch(asStratumError)));
      await link.heal();
    }
    return ends;
  }

  remove(): Promise<void> {
    return this.#cluster.remove();
  }
}

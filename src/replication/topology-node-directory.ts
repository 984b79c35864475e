import type { Clock } from '../base/clock.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import type { Topology, TopologySource } from '../topology/topology.ts';
import { GrpcNode } from './grpc-node.ts';
import type { NodeDirectory, NodeIo } from './node-directory.ts';

/** What the directory needs. */
export interface TopologyNodeDirectoryModules {
  readonly topology: TopologySource;
  readonly pool: ChannelPool;
  readonly clock: Clock;
  /** The object node of this process, if it has one: reached without the network. */
  readonly local?: NodeIo | undefined;
}

/**
 * Object nodes by the addresses that the topology gives them. The channel of an address that no
 * node of the topology has any more is closed.
 */
export class TopologyNodeDirectory implements NodeDirectory {
  readonly #modules: TopologyNodeDirectoryModules;
  readonly #nodes = new Map<string, GrpcNode>();
  readonly #unsubscribe: () => void;

  constructor(modules: TopologyNodeDirectoryModules) {
    this.#modules = modules;
    this.#unsubscribe = modules.topology.subscribe((topology) => this.#forget(topology));
  }

  writer(nodeId: string): NodeIo | undefined {
    return this.#find(nodeId);
  }

  reader(nodeId: string): NodeIo | undefined {
    return this.#find(nodeId);
  }

  /** Stops following the topology; the pool is its owner's to close. */
  close(): void {
    this.#unsubscribe();
    this.#nodes.clear();
  }

  #find(nodeId: string): NodeIo | undefined {
    const { topology, pool, clock, local } = this.#modules;
    if (local?.nodeId === nodeId) return local;
    const endpoint = topology.current()?.nodes.get(nodeId)?.address;
    if (endpoint === undefined) return undefined;
    const known = this.#nodes.get(nodeId);
    if (known?.endpoint === endpoint) return known;
    const node = new GrpcNode({ nodeId, endpoint }, { pool, clock });
    this.#nodes.set(nodeId, node);
    return node;
  }

  #forget(topology: Topology): void {
    // Another role may share the address, and the channel with it.
    const addresses = new Set([...topology.nodes.values()].map((node) => node.address));
    for (const [nodeId, { endpoint }] of this.#nodes) {
      if (topology.nodes.get(nodeId)?.address === endpoint) continue;
      this.#nodes.delete(nodeId);
      if (!addresses.has(endpoint)) this.#modules.pool.drop(endpoint);
    }
  }
}

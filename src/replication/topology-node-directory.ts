import { type Random, systemRandom } from '../base/random.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import type { Node, Topology, TopologySource } from '../topology/topology.ts';
import { type BuiltNode, buildLocalNode, buildNode, type NodeWatchers } from './build-node.ts';
import type { NodeDirectory, NodeIo } from './node-directory.ts';
import type { BreakerState } from './nodes/circuit-breaker-node.ts';

/** What the directory needs. */
export interface TopologyNodeDirectoryModules extends NodeWatchers {
  readonly topology: TopologySource;
  readonly pool: ChannelPool;
  /** Default: the machine's. */
  readonly random?: Random;
  /** The object node of this process, if it has one: reached without the network. */
  readonly local?: NodeIo | undefined;
}

/** A node as it was built for one process at one address. */
interface KnownNode extends BuiltNode {
  readonly address: string;
  readonly generationId: bigint;
}

/**
 * Object nodes by the addresses that the topology gives them. A node that is started anew or moves is
 * built afresh, with a closed circuit breaker. The channel of an address that no node of the topology
 * has any more is closed.
 */
export class TopologyNodeDirectory implements NodeDirectory {
  readonly #modules: TopologyNodeDirectoryModules & { readonly random: Random };
  readonly #local: BuiltNode | undefined;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #unsubscribe: () => void;

  constructor(modules: TopologyNodeDirectoryModules) {
    this.#modules = { ...modules, random: modules.random ?? systemRandom };
    this.#local = modules.local === undefined ? undefined : buildLocalNode(modules.local, modules);
    this.#unsubscribe = modules.topology.subscribe((topology) => this.#forget(topology));
  }

  writer(nodeId: string): NodeIo | undefined {
    return this.#find(nodeId);
  }

  reader(nodeId: string): NodeIo | undefined {
    return this.#find(nodeId);
  }

  /** How the circuit breakers of the nodes that have been called stand. */
  breakers(): ReadonlyMap<string, BreakerState> {
    const states = [...this.#nodes].flatMap(([nodeId, known]): [string, BreakerState][] => {
      const state = known.breaker();
      return state === undefined ? [] : [[nodeId, state]];
    });
    return new Map(states);
  }

  /** Stops following the topology and closes its nodes; the pool is its owner's to close. */
  close(): void {
    this.#unsubscribe();
    this.#local?.close();
    for (const known of this.#nodes.values()) known.close();
    this.#nodes.clear();
  }

  #find(nodeId: string): NodeIo | undefined {
    const { topology, local } = this.#modules;
    if (local?.nodeId === nodeId) return this.#local?.node;
    const current = topology.current();
    const now = current?.nodes.get(nodeId);
    if (current === undefined || now === undefined) return undefined;
    const known = this.#nodes.get(nodeId);
    if (known !== undefined && isSame(known, now)) return known.node;
    // Asked before the subscription has told of the change.
    if (known !== undefined) this.#forget(current);
    const { address, generationId } = now;
    const built = buildNode({ nodeId, endpoint: address }, this.#modules);
    this.#nodes.set(nodeId, { ...built, address, generationId });
    return built.node;
  }

  #forget(topology: Topology): void {
    // Another role may share the address, and the channel with it.
    const addresses = new Set([...topology.nodes.values()].map((node) => node.address));
    for (const [nodeId, known] of this.#nodes) {
      const now = topology.nodes.get(nodeId);
      if (now !== undefined && isSame(known, now)) continue;
      this.#nodes.delete(nodeId);
      known.close();
      if (!addresses.has(known.address)) this.#modules.pool.drop(known.address);
    }
  }
}

function isSame(known: KnownNode, now: Node): boolean {
  return known.address === now.address && known.generationId === now.generationId;
}

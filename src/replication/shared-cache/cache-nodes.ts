import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { HashRing } from '../../topology/hash-ring.ts';
import type { Node, NodeState, Topology, TopologySource } from '../../topology/topology.ts';
import type { CacheNode } from './cache-node.ts';
import { NodePause } from './node-pause.ts';

/** How many nodes of a key's placement are asked: the first that can be reached, and who takes its place. */
const askedNodesMax = 2;

/** States of nodes that are asked, the likeliest to answer first. A node that is DOWN, or not yet in the ring, is not. */
const askedStates: readonly NodeState[] = ['ACTIVE', 'DRAINING', 'SUSPECT'];

/** What the nodes are found by. */
export interface CacheNodesModules {
  readonly topology: TopologySource;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the client of a node; nothing is connected yet. */
  readonly connect: (endpoint: string) => CacheNode;
  /** The object node of this process, if it has one: reached without the network. */
  readonly local?: { readonly nodeId: string; readonly node: CacheNode } | undefined;
}

/** A node that may be asked, and whether it is left alone. */
export interface AskedNode {
  readonly node: CacheNode;
  readonly pause: NodePause;
}

interface KnownNode extends AskedNode {
  readonly address: string;
  readonly generationId: bigint;
}

/** The object nodes of keys. A node that is started anew or moves gets a new client, and is asked at once. */
export class CacheNodes {
  readonly #modules: CacheNodesModules;
  readonly #local: AskedNode | undefined;
  readonly #known = new Map<string, KnownNode>();
  readonly #unsubscribe: () => void;

  constructor(modules: CacheNodesModules) {
    const { topology, local } = modules;
    this.#modules = modules;
    this.#local = local === undefined ? undefined : { node: local.node, pause: new NodePause(modules) };
    this.#unsubscribe = topology.subscribe((next) => this.#forget(next));
  }

  /** The nodes to ask for a key now, in this order, as if it were the id of a blob; none before a ring was formed. */
  of(key: string): readonly AskedNode[] {
    const topology = this.#modules.topology.current();
    if (topology === undefined || topology.ring.epoch === 0n) return [];
    const placed = HashRing.of(topology.ring)
      .placement(Buffer.from(key, 'hex'))
      .flatMap((nodeId) => topology.nodes.get(nodeId) ?? []);
    return askedStates
      .flatMap((state) => placed.filter((node) => node.state === state))
      .map((node) => this.#find(node, topology))
      .filter(({ pause }) => pause.isOver)
      .slice(0, askedNodesMax);
  }

  /** Stops following the topology, and closes the clients. */
  close(): void {
    this.#unsubscribe();
    for (const { node } of this.#known.values()) node.close();
    this.#known.clear();
  }

  #find({ id, address, generationId }: Node, topology: Topology): AskedNode {
    const { local, connect } = this.#modules;
    if (this.#local !== undefined && local?.nodeId === id) return this.#local;
    const known = this.#known.get(id);
    if (known !== undefined && known.address === address && known.generationId === generationId) return known;
    // Asked before the subscription has told of the change.
    if (known !== undefined) this.#forget(topology);
    const made = { node: connect(address), pause: new NodePause(this.#modules), address, generationId };
    this.#known.set(id, made);
    return made;
  }

  #forget(topology: Topology): void {
    for (const [nodeId, known] of this.#known) {
      const now = topology.nodes.get(nodeId);
      if (now?.address === known.address && now.generationId === known.generationId) continue;
      this.#known.delete(nodeId);
      known.node.close();
    }
  }
}

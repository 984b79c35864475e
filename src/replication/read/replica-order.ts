import { inProcessEndpoint, type NodeDirectory } from '../node-directory.ts';
import type { NodeLatencies } from '../node-latency.ts';
import { type Placement, stateRank } from '../placement.ts';

/** Nodes whose usual answer takes at most this many times the fastest one's are about as fast. */
const aboutEqualFactor = 1.5;
/** Milliseconds that make no difference between two nodes. */
const aboutEqualMs = 2;
/** The golden ratio's fraction: its multiples fill [0, 1) evenly, and so do every second, third … of them. */
const evenStep = 0.618_033_988_749_895;

/** What is known of a replica before it is asked. */
interface Replica {
  readonly nodeId: string;
  readonly stateRank: number;
  /** 0 in this process. */
  readonly distance: number;
  /** Milliseconds; undefined when too little is known. */
  readonly usualMs: number | undefined;
}

interface RankedReplica extends Replica {
  /** 0 unless others in its place are clearly faster. */
  readonly slowMs: number;
}

/**
 * The order in which a blob's replicas are tried: good states first, this process before others, then
 * the fast before the slow, then the ring's order. A node of which too little is known counts as fast,
 * so that it becomes known.
 */
export class ReplicaOrder {
  readonly #modules: { readonly nodes: NodeDirectory; readonly latencies: NodeLatencies };
  #turn = 0;

  constructor(modules: { readonly nodes: NodeDirectory; readonly latencies: NodeLatencies }) {
    this.#modules = modules;
  }

  /** Node ids, the likely fastest first. */
  order(placement: Placement): string[] {
    return this.#sorted(placement).map(({ nodeId }) => nodeId);
  }

  /** The same, with those about as fast as the first taking turns to be it: one hot blob is served by all of them. */
  takingTurns(placement: Placement): string[] {
    const sorted = this.#sorted(placement);
    const [first] = sorted;
    const count = sorted.filter((other) => first !== undefined && isPeer(first, other) && other.slowMs === 0).length;
    // Without any measure the ring's order is all there is to go by.
    const isMeasured = sorted.slice(0, count).some(({ usualMs }) => usualMs !== undefined);
    const nodeIds = sorted.map(({ nodeId }) => nodeId);
    if (!isMeasured) return nodeIds;
    const shift = Math.floor(((this.#turn * evenStep) % 1) * count);
    this.#turn += 1;
    return [...nodeIds.slice(shift, count), ...nodeIds.slice(0, shift), ...nodeIds.slice(count)];
  }

  #sorted({ topology, nodeIds }: Placement): RankedReplica[] {
    const { nodes, latencies } = this.#modules;
    const replicas = nodeIds.map((nodeId) => ({
      nodeId,
      stateRank: stateRank(topology, nodeId),
      distance: nodes.reader(nodeId)?.endpoint === inProcessEndpoint ? 0 : 1,
      usualMs: latencies.quantileMs(nodeId, 'get', 0.5),
    }));
    const ranked = replicas.map((replica) => ({ ...replica, slowMs: slowMs(replica, replicas) }));
    return ranked.sort((a, b) => a.stateRank - b.stateRank || a.distance - b.distance || a.slowMs - b.slowMs);
  }
}

function isPeer(a: Replica, b: Replica): boolean {
  return a.stateRank === b.stateRank && a.distance === b.distance;
}

/** 0 for a node that is about as fast as the fastest of its peers, or not known; its usual milliseconds otherwise. */
function slowMs(replica: Replica, all: readonly Replica[]): number {
  if (replica.usualMs === undefined) return 0;
  const peersMs = all.flatMap((other) => (isPeer(replica, other) ? (other.usualMs ?? []) : []));
  return replica.usualMs <= Math.min(...peersMs) * aboutEqualFactor + aboutEqualMs ? 0 : replica.usualMs;
}

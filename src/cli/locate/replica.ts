import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { HashRing } from '../../topology/hash-ring.ts';
import type { Topology } from '../../topology/topology.ts';

/** What is known of one copy of a blob; "" when the node was not asked. */
export type Presence = 'present' | 'missing' | 'corrupt' | 'unknown' | 'unreachable' | '';

/** A node that a blob is placed on, in order of preference. */
export interface Replica {
  readonly nodeId: string;
  readonly address: string;
  readonly state: string;
  readonly presence: Presence;
  /** Bytes of the copy. */
  readonly size: number;
  readonly storedAt: string;
  /** Why the node could not be asked. */
  readonly error: string;
}

/** Lists of replicas that are kept, so that blobs of the same nodes share one; then all are forgotten. */
const keptListsMax = 10_000;

/** Where blobs are placed, by one topology. */
export class ReplicaPlacer {
  readonly topology: Topology;
  readonly #ring: HashRing;
  readonly #kept = new Map<string, readonly Replica[]>();

  /** NOT_READY before a ring is formed. */
  constructor(topology: Topology) {
    if (topology.ring.epoch === 0n) {
      const { bootstrapExpectObject } = topology.settings;
      const message = `no ring has been formed yet: it takes ${bootstrapExpectObject} object nodes that are ready`;
      throw new StratumError('NOT_READY', message, { what: 'ring', need: bootstrapExpectObject });
    }
    this.topology = topology;
    this.#ring = HashRing.of(topology.ring);
  }

  /** The nodes that a blob is placed on, none of which has been asked. */
  replicasOf(oid: Oid): readonly Replica[] {
    const placement = this.#ring.placement(oid);
    const key = placement.join();
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const replicas = placement.map((nodeId) => this.#unasked(nodeId));
    if (this.#kept.size >= keptListsMax) this.#kept.clear();
    this.#kept.set(key, replicas);
    return replicas;
  }

  #unasked(nodeId: string): Replica {
    const node = this.topology.nodes.get(nodeId);
    const known = { nodeId, address: node?.address ?? '', state: node?.state ?? 'UNKNOWN' };
    return { ...known, presence: '', size: 0, storedAt: '', error: '' };
  }
}

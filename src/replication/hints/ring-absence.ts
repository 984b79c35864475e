import type { Clock } from '../../base/clock.ts';
import type { Topology } from '../../topology/topology.ts';

/**
 * Milliseconds that a node has to be out of the ring before its hints have lost their purpose: a ring that
 * forgets a node for a moment, or a topology that is older than another, must not cost them.
 */
const absenceMinMs = 300_000;

/** Says which nodes can be replayed to, and remembers since when nodes are out of the ring. */
export class RingAbsence {
  readonly #clock: Clock;
  /** Milliseconds of the monotonic clock. */
  #sinceMs = new Map<string, number>();

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
  }

  /**
   * Of each of these nodes the milliseconds until something can be done for its hints: it takes writes, or
   * they have lost their purpose. Infinity for a member of the ring that is not ACTIVE: the topology will
   * tell. To be asked with every topology.
   */
  waits({ nodes, ring }: Topology, nodeIds: readonly string[]): ReadonlyMap<string, number> {
    const members = new Set(ring.nodes.map(({ nodeId }) => nodeId));
    const nowMs = this.#clock.monotonicMs();
    const absent = nodeIds.filter((nodeId) => !members.has(nodeId));
    this.#sinceMs = new Map(absent.map((nodeId) => [nodeId, this.#sinceMs.get(nodeId) ?? nowMs]));
    const waitMs = (nodeId: string) => {
      const sinceMs = this.#sinceMs.get(nodeId);
      if (sinceMs !== undefined) return Math.max(0, sinceMs + absenceMinMs - nowMs);
      return nodes.get(nodeId)?.state === 'ACTIVE' ? 0 : Number.POSITIVE_INFINITY;
    };
    return new Map(nodeIds.map((nodeId) => [nodeId, waitMs(nodeId)]));
  }
}

import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';

/** How many updates are kept for watchers that come back: minutes of the busiest start of a large cluster. */
export const defaultHistoryMax = 1_000;

/**
 * Told of every committed update, in order. Without an update: this member was away for longer than
 * the history reaches back, and has the topology as it is now.
 */
export type UpdateListener = (update: TopologyUpdate | undefined, topology: Topology) => void;

/** A member's committed copy: the topology, its latest updates, and who wants to hear of new ones. */
export class TopologyLog {
  readonly #updatesMax: number;
  readonly #log: Logger;
  readonly #listeners = new Set<UpdateListener>();
  #updates: TopologyUpdate[];
  #topology: Topology;

  /** `updates` end at the topology's version, without gaps. */
  constructor(
    options: { readonly topology: Topology; readonly updates: readonly TopologyUpdate[]; readonly updatesMax: number },
    modules: { readonly log: Logger },
  ) {
    this.#topology = options.topology;
    this.#updatesMax = options.updatesMax;
    this.#updates = options.updates.slice(-options.updatesMax);
    this.#log = modules.log;
  }

  get topology(): Topology {
    return this.#topology;
  }

  /** Updates above a version, oldest first; undefined when the kept ones do not reach back to it. */
  since(version: bigint): readonly TopologyUpdate[] | undefined {
    const missing = this.#topology.version - version;
    if (missing <= 0n) return [];
    return missing > BigInt(this.#updates.length) ? undefined : this.#updates.slice(-Number(missing));
  }

  /** Takes over a committed update; listeners hear of it before this returns. */
  commit(update: TopologyUpdate, topology: Topology): void {
    this.#topology = topology;
    this.#updates.push(update);
    if (this.#updates.length > this.#updatesMax) this.#updates.shift();
    this.#tell(update);
  }

  /** Takes over a later topology without the updates that led to it; `updates` end at its version. */
  jump(topology: Topology, updates: readonly TopologyUpdate[]): void {
    this.#topology = topology;
    this.#updates = updates.slice(-this.#updatesMax);
    this.#tell(undefined);
  }

  #tell(update: TopologyUpdate | undefined): void {
    const { version } = this.#topology;
    for (const listener of [...this.#listeners]) {
      try {
        listener(update, this.#topology);
      } catch (error) {
        // The update is committed whatever a listener makes of it; the others must hear of it too.
        this.#log.error({ version, error: explain(error) }, 'a listener to the topology failed');
      }
    }
  }

  /** The result ends the subscription. */
  subscribe(listener: UpdateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

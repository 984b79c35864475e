import type { Logger } from '../base/log.ts';
import { applyUpdate } from '../topology/apply-update.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';
import { TopologyLog, type UpdateListener } from './topology-log.ts';

/** A member's copy of what the store has committed. Its version never falls. */
export class TopologyCopy {
  readonly #updatesMax: number;
  readonly #log: Logger;
  /** Every listener, with what ends its subscription to the log once there is one. */
  readonly #listeners = new Map<UpdateListener, (() => void) | undefined>();
  #committed: TopologyLog | undefined;

  constructor(options: { readonly updatesMax: number }, modules: { readonly log: Logger }) {
    this.#updatesMax = options.updatesMax;
    this.#log = modules.log;
  }

  /** Undefined before the first one was read. */
  get committed(): TopologyLog | undefined {
    return this.#committed;
  }

  get version(): bigint | undefined {
    return this.#committed?.topology.version;
  }

  /** The result ends the subscription; also before there is anything to hear of. */
  subscribe(listener: UpdateListener): () => void {
    this.#listeners.set(listener, this.#committed?.subscribe(listener));
    return () => {
      this.#listeners.get(listener)?.();
      this.#listeners.delete(listener);
    };
  }

  /** Takes an update that is committed; one that is known already changes nothing. VERSION_CONFLICT over a gap. */
  apply(update: TopologyUpdate): void {
    const committed = this.#committed;
    if (committed === undefined || update.version <= committed.topology.version) return;
    committed.commit(update, applyUpdate(committed.topology, update));
  }

  /** The same for whoever has the topology at hand that the update leads to. */
  commit(update: TopologyUpdate, topology: Topology): void {
    const committed = this.#committed;
    if (committed === undefined || update.version <= committed.topology.version) return;
    committed.commit(update, topology);
  }

  /** Begins with a topology, which nobody has heard of yet. */
  begin(topology: Topology, updates: readonly TopologyUpdate[] = []): void {
    const log = new TopologyLog({ topology, updates, updatesMax: this.#updatesMax }, { log: this.#log });
    for (const listener of this.#listeners.keys()) this.#listeners.set(listener, log.subscribe(listener));
    this.#committed = log;
  }

  /** Takes a later topology without the updates that led to it, and tells the listeners so; `updates` end at its version. */
  jump(topology: Topology, updates: readonly TopologyUpdate[]): void {
    const known = this.#committed;
    if (known === undefined) this.begin(topology, updates);
    else if (topology.version > known.topology.version) known.jump(topology, updates);
  }
}

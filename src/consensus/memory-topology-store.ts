import type { TopologyUpdate } from '../topology/topology.ts';
import type { StoredCluster, StoreWrite, TopologyStore } from './topology-store.ts';

/** A store without a disk, for tests and simulation: what was written survives a close. */
export class MemoryTopologyStore implements TopologyStore {
  #stored: Partial<Omit<StoredCluster, 'updates'>> = {};
  #updates: readonly TopologyUpdate[] = [];

  load(): Promise<StoredCluster | undefined> {
    const { term, topology, heartbeats } = this.#stored;
    if (term === undefined || topology === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ term, topology, updates: this.#updates, heartbeats });
  }

  write({ term, topology, update, heartbeats, forgetUpTo = 0n }: StoreWrite): Promise<void> {
    this.#stored = {
      ...this.#stored,
      ...(term === undefined ? {} : { term }),
      ...(topology === undefined ? {} : { topology }),
      ...(heartbeats === undefined ? {} : { heartbeats }),
    };
    const updates = update === undefined ? this.#updates : [...this.#updates, update];
    this.#updates = updates.filter(({ version }) => version > forgetUpTo);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

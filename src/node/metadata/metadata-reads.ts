import type { MetadataStore } from './metadata-store.ts';
import { assertNotBehind } from './partition-log.ts';
import type { PrimaryDuties } from './primary-duties.ts';
import type { StateReader } from './state.ts';

/** Reads at the primary: linearizable, because the check and the read are one synchronous step. */
export class MetadataReads {
  readonly #store: MetadataStore;
  readonly #duties: PrimaryDuties;

  constructor(modules: { readonly store: MetadataStore; readonly duties: PrimaryDuties }) {
    this.#store = modules.store;
    this.#duties = modules.duties;
  }

  /** Reads the state of a repository's partition; NOT_PRIMARY, NOT_READY, STALE_EPOCH. */
  ofRepo<T>(repoName: string, work: (state: StateReader) => T): T {
    const duty = this.#duties.of(repoName);
    return this.#store.read((snapshot) => {
      assertNotBehind(snapshot, duty);
      return work(snapshot.state(duty.partition));
    });
  }

  /** Reads the states of all partitions that this node is the primary of, at one moment. */
  ofAll<T>(work: (states: readonly StateReader[]) => T): T {
    const duties = this.#duties.all();
    return this.#store.read((snapshot) => {
      for (const duty of duties) assertNotBehind(snapshot, duty);
      return work(duties.map(({ partition }) => snapshot.state(partition)));
    });
  }
}

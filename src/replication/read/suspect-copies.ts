import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import type { Oid } from '../../base/oid.ts';

/** Milliseconds; in that time the copy is verified by its node, or healed. */
const ageMaxMs = 300_000;
/** Of all blobs, the latest: some 200 bytes each. */
const blobsMax = 4_096;

/** Replicas whose bytes of a blob turned out wrong only after they had been delivered: who reads it again asks others first. */
export class SuspectCopies {
  /** Node ids by blob. */
  readonly #suspects: LRUCache<Oid, ReadonlySet<string>>;

  constructor(modules: { readonly clock: Clock }) {
    const { clock } = modules;
    this.#suspects = new LRUCache({
      max: blobsMax,
      ttl: ageMaxMs,
      ttlResolution: 0,
      perf: { now: () => clock.monotonicMs() },
    });
  }

  /** These nodes together supplied wrong bytes; of several nobody can tell whose were wrong. */
  add(oid: Oid, nodeIds: Iterable<string>): void {
    this.#suspects.set(oid, new Set([...(this.#suspects.get(oid) ?? []), ...nodeIds]));
  }

  /** The same nodes, with the suspects of this blob at the end. */
  last(oid: Oid, nodeIds: readonly string[]): readonly string[] {
    const suspects = this.#suspects.size === 0 ? undefined : this.#suspects.get(oid);
    if (suspects === undefined) return nodeIds;
    return [...nodeIds.filter((nodeId) => !suspects.has(nodeId)), ...nodeIds.filter((nodeId) => suspects.has(nodeId))];
  }
}

import { type CloseGapsModules, closeGaps, type GapResult } from '../repair/close-gaps.ts';
import { type GapReason, type GapSink, type NotedGap, type ReplicaGap, strongerReason } from '../replica-gaps.ts';

/** Gaps beyond these are forgotten: some megabytes of memory. */
const countMaxDefault = 10_000;

/**
 * The gaps that a short-lived process knows of, which has no folder to keep hints in: it closes them
 * before it ends, or leaves them to anti-entropy.
 */
export class MemoryHints implements GapSink {
  readonly #countMax: number;
  readonly #modules: CloseGapsModules;
  readonly #gaps = new Map<string, NotedGap>();

  constructor(options: { readonly countMax?: number }, modules: CloseGapsModules) {
    this.#countMax = options.countMax ?? countMaxDefault;
    this.#modules = modules;
  }

  note({ oid, size, nodeId }: ReplicaGap, reason: GapReason): void {
    const key = `${nodeId}/${oid}`;
    const known = this.#gaps.get(key);
    if (known === undefined && this.#gaps.size >= this.#countMax) return;
    const notedAtMs = this.#modules.clock.nowMs();
    const both = known === undefined ? reason : strongerReason(known.reason, reason);
    this.#gaps.set(key, { oid, size, nodeId, reason: both, notedAtMs });
  }

  /** Closes what was noted so far, and forgets it; see `closeGaps`. */
  drain(signal: AbortSignal): Promise<readonly GapResult[]> {
    const gaps = [...this.#gaps.values()];
    this.#gaps.clear();
    return closeGaps(gaps, this.#modules, signal);
  }
}

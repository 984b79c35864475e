import type { Clock } from '../base/clock.ts';
import { firstIndex } from '../base/first-index.ts';

/** How many of the latest calls of a kind are remembered of each node. */
const samplesMax = 128;
/** Fewer say nothing of a node's tail. */
const samplesMin = 8;
/** Milliseconds after which a call says nothing of the present. */
const ageMaxMs = 60_000;
/** The longest without a call is forgotten beyond it; a sample is 24 bytes, so that all are a few MiB. */
const nodesMax = 1024;

/** Which call was measured. */
type CallKind = 'put' | 'get';

/** Recent latencies of each node, by kind of call: bounded memory, forgotten when old. */
export class NodeLatencies {
  readonly #clock: Clock;
  /** By node id, the longest without a call first. */
  readonly #nodes = new Map<string, Record<CallKind, LatencyWindow>>();

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
  }

  /** Remembers a call that ended well; a negative duration or none at all is not remembered. */
  record(nodeId: string, kind: CallKind, durationMs: number): void {
    if (!(durationMs >= 0)) return;
    const windows = this.#nodes.get(nodeId) ?? { put: new LatencyWindow(), get: new LatencyWindow() };
    this.#nodes.delete(nodeId);
    this.#nodes.set(nodeId, windows);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= nodesMax) break;
      this.#nodes.delete(oldest);
    }
    windows[kind].add(durationMs, this.#clock.monotonicMs());
  }

  /** The q-quantile (0..1) of the node's recent calls that ended well; undefined with too few samples. */
  quantileMs(nodeId: string, kind: CallKind, q: number): number | undefined {
    return this.#nodes.get(nodeId)?.[kind].quantileMs(q, this.#clock.monotonicMs());
  }
}

/**
 * The latest durations, at any moment in the order in which they came and in the order of their
 * length: a quantile is asked for with every call, and must not sort.
 */
class LatencyWindow {
  readonly #durations = new Float64Array(samplesMax);
  readonly #times = new Float64Array(samplesMax);
  readonly #sorted = new Float64Array(samplesMax);
  #oldest = 0;
  #count = 0;

  add(durationMs: number, nowMs: number): void {
    this.#forget(nowMs);
    if (this.#count === samplesMax) this.#dropOldest();
    const slot = (this.#oldest + this.#count) % samplesMax;
    this.#durations[slot] = durationMs;
    this.#times[slot] = nowMs;
    const at = this.#rankOf(durationMs);
    this.#sorted.copyWithin(at + 1, at, this.#count);
    this.#sorted[at] = durationMs;
    this.#count += 1;
  }

  quantileMs(q: number, nowMs: number): number | undefined {
    this.#forget(nowMs);
    if (this.#count < samplesMin) return undefined;
    const rank = Math.ceil(Math.min(1, Math.max(0, q)) * this.#count);
    return this.#sorted[Math.max(0, rank - 1)];
  }

  #forget(nowMs: number): void {
    while (this.#count > 0 && nowMs - (this.#times[this.#oldest] ?? 0) > ageMaxMs) this.#dropOldest();
  }

  #dropOldest(): void {
    const at = this.#rankOf(this.#durations[this.#oldest] ?? 0);
    this.#sorted.copyWithin(at, at + 1, this.#count);
    this.#oldest = (this.#oldest + 1) % samplesMax;
    this.#count -= 1;
  }

  /** How many of the durations are shorter. */
  #rankOf(durationMs: number): number {
    return firstIndex(0, this.#count, (at) => (this.#sorted[at] ?? 0) >= durationMs);
  }
}

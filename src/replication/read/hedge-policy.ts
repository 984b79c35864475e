import type { NodeLatencies } from '../node-latency.ts';
import type { HedgeResult, ReadObserver } from './read-observer.ts';

/** Hedges a read pays for: a slow cluster gets at most a tenth more to do, and not twice as much. */
const tokensPerRead = 0.1;
/** Hedges that may follow each other at once after a time without: what one node that has just stopped asks for. */
const tokensMax = 10;
/** Of a node's first bytes, the share that comes before a second replica is asked. */
const quantile = 0.95;
/** Milliseconds; a shorter wait would hedge against the collector and the scheduler. */
const delayMinMs = 10;
/** Milliseconds; a longer wait helps nobody. */
const delayMaxMs = 2000;
/** Milliseconds while too little is known of a node. */
const delayUnknownMs = 500;

/** When a second replica is asked beside one that is late, and whether it may be. */
export class HedgePolicy {
  readonly #latencies: NodeLatencies;
  readonly #observer: ReadObserver | undefined;
  #tokens = tokensMax;

  constructor(modules: { readonly latencies: NodeLatencies; readonly observer?: ReadObserver | undefined }) {
    this.#latencies = modules.latencies;
    this.#observer = modules.observer;
  }

  /** Milliseconds after which a node is late. */
  delayMs(nodeId: string): number {
    const usualMs = this.#latencies.quantileMs(nodeId, 'get', quantile);
    return usualMs === undefined ? delayUnknownMs : Math.min(delayMaxMs, Math.max(delayMinMs, usualMs));
  }

  /** Counts a read, which pays for a share of a hedge. */
  countRead(): void {
    this.#tokens = Math.min(tokensMax, this.#tokens + tokensPerRead);
  }

  /** Whether there may be a hedge now; it is spent then, and `end` is to be told of it. */
  tryHedge(): boolean {
    // A hair less than one: ten times a tenth is not quite one in binary.
    if (this.#tokens < 1 - 1e-9) {
      this.#observer?.hedged('refused');
      return false;
    }
    this.#tokens -= 1;
    return true;
  }

  /** A hedge is over. */
  end(result: Exclude<HedgeResult, 'refused'>): void {
    this.#observer?.hedged(result);
  }

  /**
   * Remembers how long a node took to its first byte. One that was overtaken counts with the time that it
   * had, if that was too long: or a node that became slow would be known by its fast answers alone.
   */
  record(nodeId: string, elapsedMs: number, ended: 'WELL' | 'OVERTAKEN'): void {
    if (ended === 'OVERTAKEN' && elapsedMs < this.delayMs(nodeId)) return;
    this.#latencies.record(nodeId, 'get', elapsedMs);
  }
}

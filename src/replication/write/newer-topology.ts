import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { hasCode } from '../../base/errors.ts';
import type { Topology, TopologySource } from '../../topology/topology.ts';
import type { Fence } from '../node-io.ts';

/** A coordinator that is asked may be behind the node that refused. */
const askAgainMs = 250;

/** What the nodes that refused an old fence in these outcomes of writes would accept; undefined when none did. */
export function fenceWanted(outcomes: readonly unknown[]): Fence | undefined {
  let term: bigint | undefined;
  let ringEpoch: bigint | undefined;
  for (const outcome of outcomes) {
    if (!hasCode(outcome, 'INSUFFICIENT_REPLICAS')) continue;
    for (const { error } of outcome.details.nodes) {
      if (hasCode(error, 'STALE_TERM')) term = highest(term, error.details.current);
      if (hasCode(error, 'STALE_EPOCH')) ringEpoch = highest(ringEpoch, error.details.current);
    }
  }
  if (term === undefined && ringEpoch === undefined) return undefined;
  return { term: term ?? 0n, ringEpoch: ringEpoch ?? 0n };
}

/** The fence that a write placed by this topology carries. */
export function fenceOf({ term, ring }: Topology): Fence {
  return { term, ringEpoch: ring.epoch };
}

/** Gets a topology that a node has heard of and this process has not. */
export class NewerTopology {
  readonly #clock: Clock;
  readonly #topology: TopologySource;

  constructor(modules: { readonly clock: Clock; readonly topology: TopologySource }) {
    this.#clock = modules.clock;
    this.#topology = modules.topology;
  }

  /**
   * Asks a coordinator, and waits until the topology satisfies `wanted` and is beyond `sent`; false when it did not
   * come before the deadline (on the monotonic clock) or the signal. Each wait moves on, so that repeating a write ends.
   */
  async reach(wanted: Fence, sent: Fence, deadlineMs: number, signal?: AbortSignal): Promise<boolean> {
    const isThere = () => {
      const fence = this.#current();
      const isEnough = fence !== undefined && fence.term >= wanted.term && fence.ringEpoch >= wanted.ringEpoch;
      return isEnough && (fence.term > sent.term || fence.ringEpoch > sent.ringEpoch);
    };
    const ended = new AbortController();
    const remainingMs = Math.max(0, deadlineMs - this.#clock.monotonicMs());
    const wait = (inner: AbortSignal) => {
      inner.addEventListener('abort', () => ended.abort(inner.reason), { once: true });
      void this.#ask(isThere, ended.signal);
      return this.#hear(isThere, ended.signal);
    };
    try {
      await withDeadline(this.#clock, 'a newer topology', remainingMs, wait, signal);
    } catch {
      // The nodes' refusals, which the caller has, say more than that nothing newer came.
    } finally {
      ended.abort();
    }
    return isThere();
  }

  #current(): Fence | undefined {
    const topology = this.#topology.current();
    return topology && fenceOf(topology);
  }

  async #ask(isThere: () => boolean, signal: AbortSignal): Promise<void> {
    while (this.#topology.refresh !== undefined && !signal.aborted && !isThere()) {
      // A refresh that fails has the view's own watch beside it; both are bounded by the caller's deadline.
      await this.#topology.refresh(signal).catch(() => undefined);
      // Only its end cuts the pause short; the loop's condition sees it.
      if (!signal.aborted && !isThere()) await this.#clock.sleep(askAgainMs, signal).catch(() => undefined);
    }
  }

  #hear(isThere: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        unsubscribe();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const unsubscribe = this.#topology.subscribe(() => {
        if (isThere()) end();
      });
      signal.addEventListener('abort', end, { once: true });
      if (isThere() || signal.aborted) end();
    });
  }
}

function highest(known: bigint | undefined, value: bigint): bigint {
  return known === undefined || value > known ? value : known;
}

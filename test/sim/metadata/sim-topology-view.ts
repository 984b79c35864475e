import { withDeadline } from '../../../src/base/deadline.ts';
import type { Topology, TopologySource } from '../../../src/topology/topology.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';
import type { SimCalls, SimHost } from './sim-calls.ts';
import type { SimLeader } from './sim-leader.ts';

/** Where the leading coordinator is found. */
export interface LeaderHost extends SimHost {
  leader: SimLeader | undefined;
}

/** Before a broken watch is opened again, and for a question, in milliseconds. */
const reopenMs = { min: 20, max: 300 };
const questionTimeoutMs = 700;

/** A process's copy of the topology: fed by a watch that may be late, break or stand still. Its version never falls. */
export class SimTopologyView implements TopologySource {
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  readonly #calls: SimCalls;
  readonly #coordinator: LeaderHost;
  readonly #listeners = new Set<(topology: Topology) => void>();
  #current: Topology | undefined;

  constructor(modules: {
    readonly world: SimWorld;
    readonly process: SimProcess;
    readonly calls: SimCalls;
    readonly coordinator: LeaderHost;
  }) {
    this.#world = modules.world;
    this.#process = modules.process;
    this.#calls = modules.calls;
    this.#coordinator = modules.coordinator;
  }

  current(): Topology | undefined {
    return this.#current;
  }

  subscribe(listener: (topology: Topology) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async refresh(signal: AbortSignal): Promise<void> {
    const { clock } = this.#process;
    const call = { from: this.#process, to: this.#coordinator, what: 'GetTopology' };
    const ask = (limit: AbortSignal) =>
      this.#calls.unary({ ...call, signal: limit }, async () => leaderOf(this.#coordinator).topology);
    this.#take(await withDeadline(clock, 'GetTopology', questionTimeoutMs, ask, signal));
  }

  /** Opens the watch, and again whenever it breaks. */
  watch(): void {
    const process = this.#process;
    if (!process.isAlive) return;
    const again = () => {
      process.clock.after(this.#world.random.between(reopenMs.min, reopenMs.max), () => this.watch());
    };
    const { leader } = this.#coordinator;
    if (leader === undefined) again();
    else leader.watch(process, { take: (topology) => this.#take(topology), broken: again });
  }

  #take(topology: Topology): void {
    if (topology.version <= (this.#current?.version ?? -1n)) return;
    this.#current = topology;
    for (const listener of [...this.#listeners]) listener(topology);
  }
}

/** The leader that a message has reached. */
export function leaderOf({ leader }: LeaderHost): SimLeader {
  if (leader === undefined) throw new Error('the message has reached a coordinator that is not there');
  return leader;
}

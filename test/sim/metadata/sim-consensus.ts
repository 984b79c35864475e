import { StratumError } from '../../../src/base/errors.ts';
import type { Applied, Consensus, Leadership } from '../../../src/consensus/consensus.ts';
import type { UpdateListener } from '../../../src/consensus/topology-log.ts';
import type { TopologyCommand } from '../../../src/topology/commands.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';

/** What the coordinators have agreed on; outlives their processes. */
export interface AgreedTopology {
  topology: Topology;
  /** Told of every change at the moment at which it is durable. */
  onChange: (topology: Topology) => void;
}

/** The time that an etcd takes for a write, in milliseconds. */
const writeMs = { min: 0.5, max: 6 };

/**
 * A leader's view of the agreed topology, by the production reducer. A write takes effect while it is under way and is
 * answered later; when its process has ended meanwhile, it did or did not take effect.
 */
export class SimConsensus implements Consensus {
  readonly #term: bigint;
  readonly #world: SimWorld;
  readonly #process: SimProcess;
  readonly #agreed: AgreedTopology;
  readonly #listeners = new Set<UpdateListener>();

  constructor(
    options: { readonly term: bigint },
    modules: { readonly world: SimWorld; readonly process: SimProcess; readonly agreed: AgreedTopology },
  ) {
    this.#term = options.term;
    this.#world = modules.world;
    this.#process = modules.process;
    this.#agreed = modules.agreed;
  }

  current(): Topology {
    return this.#agreed.topology;
  }

  propose(command: TopologyCommand): Promise<Applied> {
    const { promise, resolve, reject } = Promise.withResolvers<Applied>();
    const { random } = this.#world;
    const delayMs = random.between(writeMs.min, writeMs.max);
    this.#world.schedule(delayMs, () => {
      // A leader that has ended is fenced by its successor; until there is one, its write lands.
      if (!this.#process.isAlive && random.chance(0.5)) return;
      let answer: () => void;
      try {
        const applied = this.#apply(command);
        answer = () => resolve(applied);
      } catch (error) {
        answer = () => reject(error);
      }
      this.#world.schedule(random.between(0.1, 1), () => this.#process.deliver(answer));
    });
    return promise;
  }

  subscribe(listener: UpdateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  leadership(): Leadership {
    return { leaderId: 'coordinator', leaderAddress: '127.0.0.1:1', term: this.#term, isLeader: true };
  }

  async start(): Promise<void> {
    // It leads from the beginning.
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
  }

  ageMs(): number {
    return 0;
  }

  async confirmLeadership(): Promise<void> {
    // It leads as long as it lives.
  }

  onLeadership(): () => void {
    return () => undefined;
  }

  async saveHeartbeats(): Promise<void> {
    // Nobody reads them.
  }

  async loadHeartbeats(): Promise<undefined> {
    return undefined;
  }

  history(): undefined {
    return undefined;
  }

  transfer(): Promise<never> {
    return unused();
  }

  addMember(): Promise<never> {
    return unused();
  }

  removeMember(): Promise<never> {
    return unused();
  }

  status(): Promise<never> {
    return unused();
  }

  #apply(command: TopologyCommand): Applied {
    const { topology, update } = reduce(this.#agreed.topology, command, this.#term);
    if (update === undefined) return { topology, update };
    this.#agreed.topology = topology;
    this.#world.note(() => `version ${update.version}: ${update.reason}`);
    this.#agreed.onChange(topology);
    if (this.#process.isAlive) for (const listener of [...this.#listeners]) listener(update, topology);
    return { topology, update };
  }
}

async function unused(): Promise<never> {
  throw new StratumError('UNIMPLEMENTED', 'the simulation has one coordinator at a time');
}

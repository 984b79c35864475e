import { explain, StratumError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TopologyCommand } from '../topology/commands.ts';
import { reduce } from '../topology/reduce.ts';
import type { ClusterSettings, Topology } from '../topology/topology.ts';
import type { Applied, Consensus, ConsensusStatus, Leadership } from './consensus.ts';
import { TopologyLog, type UpdateListener } from './topology-log.ts';
import type { StoredCluster, TopologyStore } from './topology-store.ts';

/** How many updates are kept for watchers that come back: minutes of the busiest start of a large cluster. */
const defaultHistoryMax = 1_000;

/** Proposals that may wait for the disk; each is one write, so this is about a second of work. */
const defaultProposalsMax = 1_000;

/** How long a refused proposer should wait: as long as some tens of writes. */
const retryAfterMs = 50;

/** Values of the embedded driver. */
export interface EmbeddedConsensusOptions {
  readonly nodeId: string;
  /** host:port of this coordinator as others reach it; asked for when it is needed. */
  readonly address: () => string;
  /** The topology of a new cluster (create-topology.ts); used when the store is new. */
  readonly initialTopology: () => Topology;
  readonly historyMax?: number;
  readonly proposalsMax?: number;
}

/**
 * The driver for one coordinator: durable on its own disk, leader as soon as it has started. Its
 * term is raised, durably, by every start. What it guarantees: a resolved proposal is on disk; a
 * rejected one has changed nothing in memory. What it does not: the loss of its disk is the loss
 * of the cluster's membership. The lock of its folder keeps a second coordinator out.
 */
export class EmbeddedConsensus implements Consensus {
  readonly #options: EmbeddedConsensusOptions;
  readonly #store: TopologyStore;
  readonly #log: Logger;
  readonly #leadershipListeners = new Set<(leadership: Leadership) => void>();
  #committed: TopologyLog | undefined;
  #term = 0n;
  #isLeader = false;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: EmbeddedConsensusOptions, modules: { readonly store: TopologyStore; readonly log: Logger }) {
    this.#options = options;
    this.#store = modules.store;
    this.#log = modules.log;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { initialTopology, historyMax: updatesMax = defaultHistoryMax } = this.#options;
    const stored = await this.#store.load();
    const { term, topology, updates } = stored ?? newCluster(initialTopology());
    if (stored !== undefined) this.#warnOfSettings(topology.settings, initialTopology().settings);
    signal.throwIfAborted();
    await this.#store.write({ term: term + 1n, ...(stored === undefined ? { topology } : {}) });
    this.#term = term + 1n;
    this.#committed = new TopologyLog({ topology, updates, updatesMax }, { log: this.#log });
    this.#isLeader = true;
    this.#tellLeadership();
  }

  async stop(): Promise<void> {
    const wasLeader = this.#isLeader;
    this.#isLeader = false;
    await this.#last;
    await this.#store.close();
    if (wasLeader) this.#tellLeadership();
  }

  current(): Topology {
    return this.#started().topology;
  }

  leadership(): Leadership {
    const { nodeId, address } = this.#options;
    return this.#isLeader
      ? { leaderId: nodeId, leaderAddress: address(), term: this.#term, isLeader: true }
      : { leaderId: undefined, leaderAddress: undefined, term: this.#term, isLeader: false };
  }

  propose(command: TopologyCommand): Promise<Applied> {
    const { proposalsMax = defaultProposalsMax } = this.#options;
    if (!this.#isLeader) return Promise.reject(this.#notLeading());
    if (this.#waiting >= proposalsMax) {
      const message = `${this.#waiting} changes of the topology wait for the disk`;
      return Promise.reject(new StratumError('OVERLOADED', message, { retryAfterMs }));
    }
    this.#waiting += 1;
    const applied = this.#last.then(() => this.#apply(command)).finally(() => (this.#waiting -= 1));
    this.#last = applied.catch(() => undefined); // The proposer gets the error; the next in line goes on.
    return applied;
  }

  confirmLeadership(): Promise<void> {
    return this.#isLeader ? Promise.resolve() : Promise.reject(this.#notLeading());
  }

  history(sinceVersion: bigint) {
    return this.#started().since(sinceVersion);
  }

  subscribe(listener: UpdateListener): () => void {
    return this.#started().subscribe(listener);
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    this.#leadershipListeners.add(listener);
    return () => this.#leadershipListeners.delete(listener);
  }

  status(): Promise<ConsensusStatus> {
    const version = this.#committed?.topology.version ?? 0n;
    const member = { id: this.#options.nodeId, address: '', reachable: true, leader: this.#isLeader, error: '' };
    return Promise.resolve({
      driver: 'embedded',
      members: [member],
      raftTerm: this.#term,
      appliedIndex: version,
      committedIndex: version,
      hasQuorum: this.#isLeader,
    });
  }

  /** Runs alone: the next proposal begins when this one is on disk or refused. */
  async #apply(command: TopologyCommand): Promise<Applied> {
    if (!this.#isLeader) throw this.#notLeading();
    const committed = this.#started();
    const { topology, update } = reduce(committed.topology, command, this.#term);
    if (update === undefined) return { topology, update };
    const historyMax = BigInt(this.#options.historyMax ?? defaultHistoryMax);
    const isFull = update.version > historyMax;
    await this.#store.write({ topology, update, ...(isFull ? { forgetUpTo: update.version - historyMax } : {}) });
    committed.commit(update, topology);
    return { topology, update };
  }

  #started(): TopologyLog {
    if (this.#committed !== undefined) return this.#committed;
    const details = { what: 'the embedded coordinator' };
    throw new StratumError('NOT_READY', `the coordinator ${this.#options.nodeId} has not started`, details);
  }

  #notLeading(): StratumError {
    const details = { what: 'the embedded coordinator' };
    return new StratumError('NO_LEADER', `the coordinator ${this.#options.nodeId} is not running`, details);
  }

  #tellLeadership(): void {
    const leadership = this.leadership();
    for (const listener of [...this.#leadershipListeners]) {
      try {
        listener(leadership);
      } catch (error) {
        // Leadership is what it is, whatever a listener makes of it.
        this.#log.error({ error: explain(error) }, 'a listener to the leadership failed');
      }
    }
  }

  /** Settings belong to the cluster: the ones that it was created with hold. */
  #warnOfSettings(stored: ClusterSettings, configured: ClusterSettings): void {
    const keys = Object.keys(stored) as (keyof ClusterSettings)[];
    const ignored = keys.filter((key) => stored[key] !== configured[key]);
    if (ignored.length === 0) return;
    const inForce = Object.fromEntries(ignored.map((key) => [key, stored[key]]));
    const message = 'the cluster was created with other settings, which hold; the configured ones are not used';
    this.#log.warn({ ignored, inForce }, message);
  }
}

function newCluster(topology: Topology): StoredCluster {
  return { term: 0n, topology, updates: [] };
}

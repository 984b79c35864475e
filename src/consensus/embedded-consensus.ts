import { StratumError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { TopologyCommand } from '../topology/commands.ts';
import type { HeartbeatBatch } from '../topology/heartbeat-batch.ts';
import { reduce } from '../topology/reduce.ts';
import type { Topology } from '../topology/topology.ts';
import type { Applied, Consensus, ConsensusStatus, Leadership, MembersChanged } from './consensus.ts';
import { LeadershipListeners } from './leadership-listeners.ts';
import { ProposalQueue } from './proposal-queue.ts';
import { TopologyCopy } from './topology-copy.ts';
import { defaultHistoryMax, type UpdateListener } from './topology-log.ts';
import type { StoredCluster, TopologyStore } from './topology-store.ts';
import { warnOfSettings } from './warn-of-settings.ts';

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
  readonly #copy: TopologyCopy;
  readonly #queue: ProposalQueue;
  readonly #listeners: LeadershipListeners;
  #heartbeats: HeartbeatBatch | undefined;
  #term = 0n;
  #isLeader = false;

  constructor(options: EmbeddedConsensusOptions, modules: { readonly store: TopologyStore; readonly log: Logger }) {
    this.#options = options;
    this.#store = modules.store;
    this.#log = modules.log;
    this.#copy = new TopologyCopy({ updatesMax: options.historyMax ?? defaultHistoryMax }, modules);
    this.#queue = new ProposalQueue(options);
    this.#listeners = new LeadershipListeners(modules);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { initialTopology } = this.#options;
    const stored = await this.#store.load();
    const { term, topology, updates, heartbeats } = stored ?? newCluster(initialTopology());
    if (stored !== undefined) warnOfSettings(topology.settings, initialTopology().settings, this.#log);
    signal.throwIfAborted();
    await this.#store.write({ term: term + 1n, ...(stored === undefined ? { topology } : {}) });
    this.#term = term + 1n;
    this.#heartbeats = heartbeats;
    this.#copy.begin(topology, updates);
    this.#isLeader = true;
    this.#tellLeadership();
  }

  async stop(): Promise<void> {
    const wasLeader = this.#isLeader;
    this.#isLeader = false;
    await this.#queue.idle();
    await this.#store.close();
    if (wasLeader) this.#tellLeadership();
  }

  current(): Topology {
    const topology = this.#copy.committed?.topology;
    if (topology !== undefined) return topology;
    const details = { what: 'the embedded coordinator' };
    throw new StratumError('NOT_READY', `the coordinator ${this.#options.nodeId} has not started`, details);
  }

  ageMs(): number {
    return 0;
  }

  leadership(): Leadership {
    const { nodeId, address } = this.#options;
    return this.#isLeader
      ? { leaderId: nodeId, leaderAddress: address(), term: this.#term, isLeader: true }
      : { leaderId: undefined, leaderAddress: undefined, term: this.#term, isLeader: false };
  }

  async propose(command: TopologyCommand): Promise<Applied> {
    await this.confirmLeadership();
    return this.#queue.run(() => this.#apply(command));
  }

  confirmLeadership(): Promise<void> {
    return this.#isLeader ? Promise.resolve() : Promise.reject(this.#notLeading());
  }

  async transfer(targetId: string | undefined): Promise<Leadership> {
    await this.confirmLeadership();
    if (targetId === this.#options.nodeId) return this.leadership();
    const details = { kind: 'coordinator', id: targetId ?? 'another one' };
    throw new StratumError('NODE_NOT_FOUND', 'this cluster has one coordinator alone', details, {
      hint: 'leadership can move where several coordinators share an etcd cluster (--peers or --etcd-endpoints)',
    });
  }

  async saveHeartbeats(batch: HeartbeatBatch): Promise<void> {
    await this.confirmLeadership();
    await this.#store.write({ heartbeats: batch });
    this.#heartbeats = batch;
  }

  loadHeartbeats(): Promise<HeartbeatBatch | undefined> {
    return Promise.resolve(this.#heartbeats);
  }

  addMember(): Promise<MembersChanged> {
    return Promise.reject(noMembers());
  }

  removeMember(): Promise<MembersChanged> {
    return Promise.reject(noMembers());
  }

  history(sinceVersion: bigint) {
    this.current();
    return this.#copy.committed?.since(sinceVersion);
  }

  subscribe(listener: UpdateListener): () => void {
    return this.#copy.subscribe(listener);
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    return this.#listeners.subscribe(listener);
  }

  status(): Promise<ConsensusStatus> {
    const version = this.#copy.version ?? 0n;
    const { nodeId: id } = this.#options;
    const member = { id, engineId: '', address: '', reachable: true, leader: this.#isLeader, error: '' };
    return Promise.resolve({
      driver: 'embedded',
      members: [member],
      raftTerm: this.#term,
      appliedIndex: version,
      committedIndex: version,
      hasQuorum: this.#isLeader,
      alarms: [],
    });
  }

  /** Runs alone: the next proposal begins when this one is on disk or refused. */
  async #apply(command: TopologyCommand): Promise<Applied> {
    await this.confirmLeadership();
    const { topology, update } = reduce(this.current(), command, this.#term);
    if (update === undefined) return { topology, update };
    const historyMax = BigInt(this.#options.historyMax ?? defaultHistoryMax);
    const isFull = update.version > historyMax;
    await this.#store.write({ topology, update, ...(isFull ? { forgetUpTo: update.version - historyMax } : {}) });
    this.#copy.commit(update, topology);
    return { topology, update };
  }

  #notLeading(): StratumError {
    const details = { what: 'the embedded coordinator' };
    return new StratumError('NO_LEADER', `the coordinator ${this.#options.nodeId} is not running`, details);
  }

  #tellLeadership(): void {
    this.#listeners.tell(this.leadership());
  }
}

function noMembers(): StratumError {
  return new StratumError('UNIMPLEMENTED', 'an embedded coordinator has no members to add or remove', undefined, {
    hint: 'several coordinators share an etcd cluster: start them with --peers or --etcd-endpoints',
  });
}

function newCluster(topology: Topology): StoredCluster {
  return { term: 0n, topology, updates: [], heartbeats: undefined };
}

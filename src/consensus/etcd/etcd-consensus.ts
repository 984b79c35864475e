import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { asStratumError, explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { TopologyCommand } from '../../topology/commands.ts';
import type { HeartbeatBatch } from '../../topology/heartbeat-batch.ts';
import type { Topology } from '../../topology/topology.ts';
import type {
  Applied,
  Consensus,
  ConsensusMemberPlace,
  ConsensusStatus,
  Leadership,
  MembersChanged,
} from '../consensus.ts';
import { LeadershipListeners } from '../leadership-listeners.ts';
import { notLeading } from '../not-leading.ts';
import { ProposalQueue } from '../proposal-queue.ts';
import { TopologyCopy } from '../topology-copy.ts';
import { defaultHistoryMax, type UpdateListener } from '../topology-log.ts';
import { warnOfSettings } from '../warn-of-settings.ts';
import { Candidacy } from './candidacy.ts';
import type { CoordinationStore } from './coordination-store.ts';
import { EngineMembers } from './engine-members.ts';
import { decodeHeartbeats, encodeHead, encodeHeartbeats, encodeSnapshot, etcdKeys } from './etcd-records.ts';
import { StoreFollower } from './store-follower.ts';
import { transferLeadership } from './transfer-leadership.ts';
import { leadershipGuard, UpdateWriter } from './update-writer.ts';

/** Between two tries of a new leader to read the store. */
const backoff: BackoffBounds = { minMs: 50, maxMs: 500 };

/** Values of the etcd driver. */
export interface EtcdConsensusOptions {
  readonly nodeId: string;
  /** host:port of this coordinator as others reach it; asked for when it is needed. */
  readonly address: () => string;
  /** How long a leader that is not heard keeps its leadership, in milliseconds. */
  readonly leaseMs: number;
  /** The topology of a new cluster (create-topology.ts); used when the store has none. */
  readonly initialTopology: () => Topology;
  /** Whether the etcd members are the coordinators' own, one each, named by node ids. */
  readonly ownMembers: boolean;
  readonly historyMax?: number;
  readonly proposalsMax?: number;
}

/**
 * The driver for several coordinators that share an etcd cluster. What it guarantees: a resolved
 * proposal is committed by a majority of etcd; every version is written once, by the leader of its
 * term, in a transaction that checks both; followers see every version in order, or are told that
 * they were away for too long. What it does not: a proposal that fails with NO_QUORUM may have been
 * done or not; each command is safe to repeat.
 */
export class EtcdConsensus implements Consensus {
  readonly #options: EtcdConsensusOptions;
  readonly #store: CoordinationStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #copy: TopologyCopy;
  readonly #candidacy: Candidacy;
  readonly #follower: StoreFollower;
  readonly #members: EngineMembers;
  readonly #writer: UpdateWriter;
  readonly #queue: ProposalQueue;
  readonly #listeners: LeadershipListeners;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #isStarted = false;
  /** The term in which the copy is known to hold all that earlier leaders wrote. */
  #readyTerm: bigint | undefined;
  #lastTerm = 0n;
  /** Raised whenever leadership is lost, also when the same term is won again later. */
  #losses = 0;

  constructor(
    options: EtcdConsensusOptions,
    modules: {
      readonly store: CoordinationStore;
      readonly clock: Clock;
      readonly random: Random;
      readonly log: Logger;
    },
  ) {
    const { store, clock, random, log } = modules;
    const { nodeId, historyMax = defaultHistoryMax } = options;
    this.#options = options;
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#copy = new TopologyCopy({ updatesMax: historyMax }, { log });
    this.#candidacy = new Candidacy(options, {
      store,
      clock,
      log,
      look: () => this.#follower.look(),
      onWon: (term) => void this.#lead(term),
      onLost: () => {
        this.#losses += 1;
        this.#tellLeadership();
      },
      onLeader: () => this.#tellLeadership(),
    });
    this.#follower = new StoreFollower({ ...modules, copy: this.#copy, candidacy: this.#candidacy });
    this.#members = new EngineMembers({ nodeId, areOwn: options.ownMembers }, { store });
    this.#queue = new ProposalQueue(options);
    this.#listeners = new LeadershipListeners({ log });
    this.#writer = new UpdateWriter(
      { historyMax },
      { ...modules, copy: this.#copy, catchUp: () => this.#follower.catchUp(), leads: (term) => this.#leads(term) },
    );
  }

  /** Rejects only for what waiting does not mend: a refused user, records that cannot be read. */
  async start(signal: AbortSignal): Promise<void> {
    this.#isStarted = true;
    try {
      await this.#follower.catchUp();
    } catch (error) {
      if (hasCode(error, 'CONFIG_INVALID') || hasCode(error, 'DATA_CORRUPT')) throw error;
      this.#log.warn({ error: explain(error) }, 'the store of the coordinators does not answer yet; goes on trying');
    }
    signal.throwIfAborted();
    const { signal: stopping } = this.#stopping;
    this.#running = Promise.all([this.#candidacy.run(stopping), this.#follower.run(stopping)]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new StratumError('SHUTTING_DOWN', 'this coordinator stops'));
    await this.#queue.idle();
    await this.#running;
    try {
      await this.#candidacy.resign();
    } catch (error) {
      // The lease ends by itself.
      this.#log.debug({ error: explain(error) }, 'the lease of this coordinator could not be given back');
    }
    this.#tellLeadership();
    this.#store.close();
  }

  current(): Topology {
    const topology = this.#copy.committed?.topology;
    if (topology !== undefined) return topology;
    const message = `the coordinator ${this.#options.nodeId} has not read the topology yet`;
    throw new StratumError('NOT_READY', message, { what: 'the store of the coordinators' });
  }

  ageMs(): number {
    return this.#follower.ageMs;
  }

  leadership(): Leadership {
    const { term } = this.#candidacy;
    const { nodeId, address } = this.#options;
    if (term !== undefined && this.#leads(term)) {
      return { leaderId: nodeId, leaderAddress: address(), term, isLeader: true };
    }
    const known = this.#candidacy.leader;
    // Whoever has not heard from the store for longer than a lease does not know who leads by now.
    const isKnown = known !== undefined && known.holder.nodeId !== nodeId && this.ageMs() < 2 * this.#options.leaseMs;
    this.#lastTerm = known !== undefined && known.term > this.#lastTerm ? known.term : this.#lastTerm;
    return {
      leaderId: isKnown ? known.holder.nodeId : undefined,
      leaderAddress: isKnown ? known.holder.address : undefined,
      term: this.#lastTerm,
      isLeader: false,
    };
  }

  async propose(command: TopologyCommand): Promise<Applied> {
    const term = this.#assertLeading();
    const losses = this.#losses;
    return this.#queue.run(() => {
      // What was asked for before a loss was judged by a memory that has begun anew since.
      if (this.#losses !== losses) throw notLeading(this.leadership());
      return this.#writer.write(command, term);
    });
  }

  async confirmLeadership(): Promise<void> {
    const term = this.#assertLeading();
    await this.#follower.catchUp();
    if (!this.#leads(term)) throw notLeading(this.leadership());
  }

  async transfer(targetId: string | undefined): Promise<Leadership> {
    const term = this.#assertLeading();
    const { nodeId, leaseMs } = this.#options;
    if (targetId === nodeId) return this.leadership();
    const alive = await this.#members.aliveCoordinators();
    const options = { nodeId, targetId, term, leaseMs };
    await this.#queue.run(() => transferLeadership(options, { store: this.#store, candidacy: this.#candidacy, alive }));
    return this.#nextLeader(term, targetId);
  }

  async saveHeartbeats(batch: HeartbeatBatch): Promise<void> {
    const term = this.#assertLeading();
    const change = { put: etcdKeys.heartbeats, value: encodeHeartbeats(batch) };
    const { succeeded } = await this.#store.commit([leadershipGuard(term)], [change]);
    if (!succeeded) {
      await this.#follower.catchUp();
      throw notLeading(this.leadership());
    }
  }

  async loadHeartbeats(): Promise<HeartbeatBatch | undefined> {
    const { keys } = await this.#store.read([{ start: etcdKeys.heartbeats }]);
    return keys[0] === undefined ? undefined : decodeHeartbeats(keys[0].value);
  }

  async addMember(member: ConsensusMemberPlace): Promise<MembersChanged> {
    await this.confirmLeadership();
    return this.#members.add(member);
  }

  async removeMember(nodeId: string): Promise<MembersChanged> {
    await this.confirmLeadership();
    return this.#members.remove(nodeId);
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
    return this.#members.status();
  }

  /** A term that was won counts from when the copy has all that earlier leaders wrote. */
  async #lead(term: bigint): Promise<void> {
    for (let failures = 0; this.#candidacy.term === term && !this.#stopping.signal.aborted; failures += 1) {
      try {
        await this.#follower.catchUp();
        if (this.#copy.version === undefined) await this.#createCluster(term);
        if (this.#copy.version !== undefined && this.#candidacy.term === term) {
          this.#readyTerm = term;
          warnOfSettings(this.current().settings, this.#options.initialTopology().settings, this.#log);
          this.#tellLeadership();
          return;
        }
      } catch (error) {
        const { code, message } = asStratumError(error);
        this.#log.warn({ term, code, error: message }, 'elected, and cannot read the store yet; goes on trying');
      }
      const pauseMs = backoffMs(failures + 1, backoff, this.#random);
      // Only a stop ends the pause early; the loop's condition sees it.
      await this.#clock.sleep(pauseMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  /** The first leader of all writes version 0. */
  async #createCluster(term: bigint): Promise<void> {
    const topology = this.#options.initialTopology();
    const { succeeded } = await this.#store.commit(
      [
        leadershipGuard(term),
        { key: etcdKeys.head, createRevision: 0n },
        { key: etcdKeys.snapshot, createRevision: 0n },
      ],
      [
        { put: etcdKeys.snapshot, value: encodeSnapshot(topology) },
        { put: etcdKeys.head, value: encodeHead(topology.version) },
      ],
    );
    if (succeeded && this.#copy.version === undefined) this.#copy.begin(topology);
  }

  /** Resolves when a later term has a leader; WAIT_TIMEOUT when none came, or not the one that was wanted. */
  async #nextLeader(term: bigint, targetId: string | undefined): Promise<Leadership> {
    const { promise, resolve } = Promise.withResolvers<Leadership>();
    const check = (leadership: Leadership) => {
      if (leadership.leaderId !== undefined && leadership.term > term) resolve(leadership);
    };
    const end = this.onLeadership(check);
    check(this.leadership());
    const timeoutMs = 2 * this.#options.leaseMs;
    try {
      const next = await withDeadline(this.#clock, 'the next leader', timeoutMs, () => promise);
      if (targetId === undefined || next.leaderId === targetId) return next;
      throw new StratumError('WAIT_TIMEOUT', `${targetId} did not take over in time; ${next.leaderId} leads`);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      const message = `nobody has taken over within ${timeoutMs} ms`;
      throw new StratumError('WAIT_TIMEOUT', message, undefined, { cause: error });
    } finally {
      end();
    }
  }

  #leads(term: bigint): boolean {
    return this.#readyTerm === term && this.#candidacy.term === term && !this.#stopping.signal.aborted;
  }

  /** The term in which this coordinator leads; NOT_LEADER or NO_LEADER when it does not. */
  #assertLeading(): bigint {
    const { term } = this.#candidacy;
    if (term !== undefined && this.#leads(term)) return term;
    if (this.#isStarted && !this.#stopping.signal.aborted) throw notLeading(this.leadership());
    const details = { what: 'the coordinators' };
    throw new StratumError('NO_LEADER', `the coordinator ${this.#options.nodeId} is not running`, details);
  }

  #tellLeadership(): void {
    const leadership = this.leadership();
    // Before a leader was ever seen there is nothing to tell.
    if (leadership.term > 0n) this.#listeners.tell(leadership);
  }
}

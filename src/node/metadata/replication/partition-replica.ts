import { smallerOf } from '../../../base/bigint-order.ts';
import type { Clock } from '../../../base/clock.ts';
import { asStratumError, explain, StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import {
  AppendResult,
  type BeaconAck,
  type PartitionAck,
  type PartitionAppend,
  type PartitionBeacon,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { Partition, Topology } from '../../../topology/topology.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { SubmitOptions } from '../partition-access.ts';
import type { RefsCache } from '../refs-cache.ts';
import type { StateReader } from '../state.ts';
import type { Operation } from '../state-machine/applied.ts';
import { AcknowledgedLease, type Sender } from './acknowledged-lease.ts';
import { applyCommitted } from './apply-committed.ts';
import { fitOf, takeEntries } from './follow-log.ts';
import { encodeRecord, type LogPosition } from './log-record.ts';
import { notPrimaryError } from './not-primary.ts';
import type { PartitionAuthority } from './partition-authority.ts';
import { PartitionDisk } from './partition-disk.ts';
import { PrimaryTerm } from './primary-term.ts';
import type { LogRetention } from './replica-log.ts';
import { checkAppend, checkBeacon, signedAck, signedBeacon, signedBeaconAck } from './replication-messages.ts';
import type { ReplicationTimings } from './replication-timings.ts';
import { assertUncommittedRoom } from './uncommitted-room.ts';
import { type OperationResult, WaitingOperations } from './waiting-operations.ts';

/** Values of a replica. */
export interface PartitionReplicaOptions {
  readonly nodeId: string;
  readonly partition: number;
  readonly retention: LogRetention;
}

/** What a replica works with. */
export interface PartitionReplicaModules {
  readonly store: MetadataStore;
  readonly authority: PartitionAuthority;
  readonly refs: RefsCache;
  readonly clock: Clock;
  readonly log: Logger;
  readonly topology: () => Topology;
  readonly timings: () => ReplicationTimings;
  /** Other replicas have something to be sent. */
  readonly onAppended: (partition: number) => void;
  /** The log no longer reaches back to what this replica lacks: its state has to come from the primary. */
  readonly onSnapshotNeeded: (partition: number) => void;
  readonly stopping: AbortSignal;
}

/**
 * One partition on one node: a follower's log, or for as long as a PrimaryTerm lasts the primary's. It refuses whatever
 * is of a lower epoch than it has seen, keeps its log equal to the primary's, and applies what is committed.
 */
export class PartitionReplica {
  readonly disk: PartitionDisk;
  readonly #options: PartitionReplicaOptions;
  readonly #modules: PartitionReplicaModules;
  readonly #waiting = new WaitingOperations();
  #assignment: Partition | undefined;
  #term: PrimaryTerm | undefined;
  #committedIndex: bigint;
  readonly #lease: AcknowledgedLease;
  /** The last beacon of a primary that hears others. */
  #heardMs = Number.NEGATIVE_INFINITY;
  #followedMs = Number.NEGATIVE_INFINITY;
  /** A later epoch is at work. If it is this node's own, of which it has not heard yet, its term goes on in that. */
  #isFenced = false;
  #isReplacing = false;
  #broken: StratumError | undefined;
  #foreignEpoch = 0n;
  #isApplying = false;
  #isAbandoned = false;

  constructor(options: PartitionReplicaOptions, modules: PartitionReplicaModules) {
    this.#options = options;
    this.#modules = modules;
    const { store, clock, log, stopping } = modules;
    this.disk = new PartitionDisk(options, {
      store,
      clock,
      logger: log,
      stopping,
      onDurable: () => this.#term?.advance(),
    });
    this.disk.open();
    this.#committedIndex = this.disk.state.position.index;
    this.#lease = new AcknowledgedLease(clock.monotonicMs());
  }

  get partition(): number {
    return this.#options.partition;
  }

  get assignment(): Partition | undefined {
    return this.#assignment;
  }

  /** This node's time as the primary; undefined while another one is, or is known to be. */
  get term(): PrimaryTerm | undefined {
    return this.#isFenced ? undefined : this.#term;
  }

  get committedIndex(): bigint {
    return this.#committedIndex;
  }

  /** Monotonic time of the last sign of life of the primary, or of its appointment. */
  get primaryHeardMs(): number {
    return Math.max(this.#heardMs, this.#followedMs);
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  /** Resolves when no operation waits for its outcome here. */
  answered(): Promise<void> {
    return this.#waiting.settled();
  }

  /** Follows the coordinators; a term that has just ended, and held the lease, is the result. */
  follow(assignment: Partition): PrimaryTerm | undefined {
    if (this.#assignment !== undefined && assignment.epoch <= this.#assignment.epoch) return undefined;
    this.#assignment = assignment;
    this.#followedMs = this.#modules.clock.monotonicMs();
    this.disk.raiseEpoch(assignment.epoch);
    const { nodeId } = this.#options;
    const before = this.#term;
    // Behind a higher epoch than the coordinators' word of it, somebody else is the primary already.
    const isNewest = this.disk.epoch === assignment.epoch;
    const isPrimary = assignment.primaryId === nodeId && isNewest && !this.disk.isPartial && !this.#isReplacing;
    this.#isFenced = false;
    if (!isPrimary) this.#term = undefined;
    else if (this.#term !== undefined && assignment.epoch === this.#term.epoch + 1n) this.#term.continueIn(assignment);
    else this.#term = this.#newTerm(assignment);
    // Where it is alone nobody's answer would do it.
    this.#term?.advance();
    if (isPrimary) this.#modules.onAppended(this.partition);
    return !isPrimary && before?.hasServed === true ? before : undefined;
  }

  /** Runs `work` on all that was acknowledged; in one step with the look whether it may be read. */
  read<T>(work: (state: StateReader) => T): T {
    this.#assertServing();
    return this.disk.state.read(work);
  }

  /** Reads whatever is there, for what need not be the latest. */
  peek<T>(work: (state: StateReader) => T): T {
    return this.disk.state.read(work);
  }

  /** Why it does not serve; undefined when it does. */
  refusal(): StratumError | undefined {
    const { disk } = this;
    if (this.#broken !== undefined) return this.#broken;
    const refusal = this.term === undefined ? this.notPrimary() : this.term.refusal();
    if (refusal !== undefined || disk.state.position.index === this.#committedIndex) return refusal;
    const what = `partition ${this.partition}`;
    return new StratumError(
      'NOT_READY',
      `${what} applies ${this.#committedIndex - disk.state.position.index} entries`,
      { what },
    );
  }

  /** Appends an operation; resolves with its result when it is committed (see PartitionAccess.submit). */
  submit(operation: Operation, { bytes, signal }: SubmitOptions): Promise<OperationResult> {
    this.#assertServing();
    signal.throwIfAborted();
    const { disk } = this;
    // What this disk does not take would only grow. But one entry goes to the others: if they can write it, one of them
    // becomes the primary.
    const isTried = disk.log.durableIndex < disk.log.last.index || this.#term?.members.size === 0;
    if (disk.error !== undefined && isTried) throw disk.error;
    assertUncommittedRoom(this.partition, disk.log, this.#committedIndex, bytes);
    const epoch = this.#term?.epoch ?? 0n;
    const index = disk.log.last.index + 1n;
    const atMs = BigInt(this.#modules.clock.nowMs());
    disk.log.append(encodeRecord({ epoch, index, atMs, operation }));
    const result = this.#waiting.add({ index, epoch, bytes }, signal);
    disk.changed();
    this.#modules.onAppended(this.partition);
    return result;
  }

  /** A follower's part: makes the log equal to the primary's, and answers when that is on disk. */
  async handleAppend(append: PartitionAppend, sender: Sender): Promise<PartitionAck> {
    const { partition, epoch } = append;
    const { disk } = this;
    const answer = (result: AppendResult, index = 0n, answerEpoch = epoch) =>
      signedAck({ partition, epoch: answerEpoch, result, index, appliedIndex: disk.state.position.index });
    checkAppend(append);
    if (epoch < disk.epoch) return answer(AppendResult.STALE, 0n, disk.epoch);
    if (!this.#accepts(epoch, sender) || this.#isReplacing || this.#broken !== undefined) {
      return answer(AppendResult.NOT_NOW);
    }
    this.#meet(epoch);
    const fit = disk.isPartial ? 'copy' : fitOf(disk, append);
    if (typeof fit === 'object') return answer(AppendResult.MISMATCH, fit.goOnAfter);
    if (fit === 'copy') {
      this.#modules.onSnapshotNeeded(partition);
      return answer(AppendResult.NOT_NOW);
    }
    const matched = fit === 'fits' ? takeEntries(disk, append) : undefined;
    if (matched === undefined) {
      this.#tellForeign(append, sender);
      return answer(AppendResult.NOT_NOW);
    }
    this.#learnCommitted(smallerOf(append.committedIndex, matched));
    await disk.whenDurable(matched, epoch);
    // A later primary may have come meanwhile, and cut off what this one sent.
    if (disk.epoch > epoch) return answer(AppendResult.STALE, 0n, disk.epoch);
    // Nor has it got there when the partition was cleared, or the node stops.
    return disk.log.durableIndex < matched ? answer(AppendResult.NOT_NOW) : answer(AppendResult.DURABLE, matched);
  }

  /** A follower's part of the lease: from now on, and for a lease, this node serves nothing in another's place. */
  handleBeacon(beacon: PartitionBeacon, sender: Sender): BeaconAck {
    checkBeacon(beacon);
    const { partition, epoch, committedIndex, committedEpoch } = beacon;
    const { disk } = this;
    if (beacon.relinquished) {
      if (this.#lease.release(sender, epoch)) this.#term?.waitNoLonger();
      return signedBeaconAck({ partition, epoch, accepted: true });
    }
    if (epoch < disk.epoch || !this.#accepts(epoch, sender)) {
      return signedBeaconAck({ partition, epoch: disk.epoch, accepted: false });
    }
    this.#meet(epoch);
    const nowMs = this.#modules.clock.monotonicMs();
    this.#lease.acknowledge(sender, epoch, nowMs);
    if (!beacon.unheard) this.#heardMs = nowMs;
    if (!this.#isReplacing && disk.log.epochAt(committedIndex) === committedEpoch) this.#learnCommitted(committedIndex);
    return signedBeaconAck({ partition, epoch, accepted: true });
  }

  /** The primary's beacon; undefined when it had better be silent. */
  beacon(): PartitionBeacon | undefined {
    const { term } = this;
    if (term === undefined || term.lacksEntries || this.#broken !== undefined || this.#isOnlyDiskThatFails()) {
      return undefined;
    }
    const committedIndex = this.#committedIndex;
    return signedBeacon({
      partition: this.partition,
      epoch: term.epoch,
      committedIndex,
      committedEpoch: this.disk.log.epochAt(committedIndex) ?? 0n,
      relinquished: false,
      unheard: term.isUnheard(),
    });
  }

  /** Regular care: the in-sync set, and what is applied but not on disk. */
  tick(): void {
    this.term?.tick();
    this.disk.tidy();
  }

  /** Another node has answered for a higher epoch: this one is not the primary any more, whatever it has heard from the coordinators. */
  fence(epoch: bigint): void {
    this.#meet(epoch);
  }

  /** Replaces all by what `fill` writes, which resolves with the position that it stands for. */
  async replace(signal: AbortSignal, fill: () => Promise<LogPosition>): Promise<void> {
    this.#isReplacing = true;
    try {
      await this.disk.clear(signal);
      const position = await fill();
      await this.disk.begin(position);
      this.#committedIndex = position.index;
      this.#modules.refs.clear();
      this.#waiting.abandon(`partition ${this.partition} was copied anew`);
    } finally {
      this.#isReplacing = false;
    }
  }

  /** What is here cannot be read: nothing is served from it any more, and another replica should be the primary. */
  breakDown(error: unknown): void {
    if (this.#broken !== undefined) return;
    this.#broken = asStratumError(error);
    this.#modules.log.error({ partition: this.partition, error: explain(error) }, 'a partition cannot be read here');
    this.#waiting.abandon(`partition ${this.partition} cannot be read at node ${this.#options.nodeId}`);
  }

  /** Ends whatever waits here: the node stops, or is no replica any more. */
  abandon(why: string): void {
    this.#isAbandoned = true;
    this.#term = undefined;
    this.#waiting.abandon(why);
  }

  notPrimary(): StratumError<'NOT_PRIMARY'> {
    return notPrimaryError(this.#options.nodeId, this.partition, this.#assignment, this.#modules.topology());
  }

  #assertServing(): void {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
  }

  #newTerm(assignment: Partition): PrimaryTerm {
    const { authority, clock, log, topology, timings, stopping } = this.#modules;
    const { nodeId } = this.#options;
    log.info({ partition: assignment.id, epoch: assignment.epoch }, 'this node is the primary of a partition');
    // Before the first epoch nobody can have served. A process that has acknowledged nobody yet knows of no one's lease.
    const isFirst = assignment.epoch === 1n;
    const waitUntilMs = isFirst ? Number.NEGATIVE_INFINITY : this.#lease.atMs + timings().leaseWaitMs;
    return new PrimaryTerm(
      { nodeId, assignment, waitUntilMs, knowsLeases: isFirst || this.#lease.isKnown },
      {
        log: this.disk.log,
        authority,
        clock,
        logger: log,
        topology,
        timings,
        stopping,
        committedIndex: () => this.#committedIndex,
        commit: (index) => this.#learnCommitted(index),
      },
    );
  }

  /** Others have written what this node cannot: one of them should be the primary. */
  #isOnlyDiskThatFails(): boolean {
    const { error, log } = this.disk;
    if (error === undefined || this.#term === undefined) return false;
    return [...this.#term.members.values()].some(({ matchIndex = 0n }) => matchIndex > log.durableIndex);
  }

  /** Once an epoch: the primary asks again and again. */
  #tellForeign({ epoch, previousIndex }: PartitionAppend, { nodeId: from }: Sender): void {
    if (this.#foreignEpoch === epoch) return;
    this.#foreignEpoch = epoch;
    const what =
      'the primary has other entries than those that are applied here; keeps them, and stays out of the in-sync set';
    this.#modules.log.error({ partition: this.partition, epoch, previousIndex, from }, what);
  }

  /** Whether a sender can be the primary of an epoch, as far as is known here. */
  #accepts(epoch: bigint, sender: Sender): boolean {
    const assignment = this.#assignment;
    if (assignment === undefined || sender.nodeId === this.#options.nodeId) return false;
    return epoch > assignment.epoch || assignment.primaryId === sender.nodeId;
  }

  #meet(epoch: bigint): void {
    this.disk.raiseEpoch(epoch);
    if (this.#term !== undefined && this.#term.epoch < epoch && !this.#isFenced) {
      this.#isFenced = true;
      this.#modules.log.info(
        { partition: this.partition, epoch },
        'a later primary is at work: this node serves no more',
      );
    }
  }

  #learnCommitted(index: bigint): void {
    if (index <= this.#committedIndex) return;
    this.#committedIndex = index;
    this.#apply();
  }

  #apply(): void {
    if (this.#isApplying || this.#broken !== undefined || this.#isReplacing || this.#isAbandoned) return;
    this.#isApplying = true;
    const before = this.disk.state.position.index;
    try {
      applyCommitted(this.partition, this.#committedIndex, {
        disk: this.disk,
        refs: this.#modules.refs,
        log: this.#modules.log,
        onApplied: (position, outcome) => this.#waiting.applied(position, outcome, () => this.notPrimary()),
      });
    } catch (error) {
      this.breakDown(error);
    } finally {
      this.#isApplying = false;
    }
    const { index } = this.disk.state.position;
    this.disk.log.forget(index);
    // Without a step forward another one would not get any further either.
    if (index > before && index < this.#committedIndex) this.#modules.clock.after(0, () => this.#apply());
  }
}

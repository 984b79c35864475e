import { largerOf, smallerOf } from '../../../base/bigint-order.ts';
import type { Clock } from '../../../base/clock.ts';
import { withDeadline } from '../../../base/deadline.ts';
import { asStratumError, hasCode, type StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { AppendResult, type PartitionAck, type PartitionAppend } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { Partition, Topology } from '../../../topology/topology.ts';
import { nextInSync } from './in-sync-choice.ts';
import { MemberProgress } from './member-progress.ts';
import type { PartitionAuthority } from './partition-authority.ts';
import type { ReplicaLog } from './replica-log.ts';
import { signedAppend } from './replication-messages.ts';
import type { ReplicationTimings } from './replication-timings.ts';
import { insufficientReplicas, justChanged, lossOfEntries } from './serving-refusals.ts';

/** After a refusal that will pass by itself, a replica is asked again. */
const notNowPauseMs = 100;

/** A replica of another history is asked again after this: somebody may have emptied it. */
const foreignPauseMs = 5_000;

/** What a term begins with. */
export interface PrimaryTermOptions {
  readonly nodeId: string;
  readonly assignment: Partition;
  /** Monotonic time before which an earlier primary may still serve. */
  readonly waitUntilMs: number;
  /**
   * Whether that is all there is to wait for. Not for a new process of the node that was the primary before: the
   * old process may be alive where nobody expects it (a machine that was moved while it stood still), and the others
   * may have acknowledged its beacons up to the moment when they acknowledged this one's log.
   */
  readonly knowsLeases: boolean;
}

/** What a term works with. */
export interface PrimaryTermModules {
  readonly log: ReplicaLog;
  readonly authority: PartitionAuthority;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topology: () => Topology;
  readonly timings: () => ReplicationTimings;
  readonly committedIndex: () => bigint;
  /** Every member of the maximal in-sync set has the log on disk up to here. */
  readonly commit: (index: bigint) => void;
  /** Aborts when the node stops. */
  readonly stopping: AbortSignal;
}

/**
 * A node's time as the primary of a partition: from the epoch that made it so to the one that makes
 * another one so. It follows each replica's log, says what is committed, holds the lease on reads, and asks the
 * coordinators to change the in-sync set.
 *
 * What is committed is on disk at every member of the maximal in-sync set: the current one, and whoever was proposed
 * for it in this epoch. A proposal counts from before it is sent, and until the epoch changes unless it was refused
 * for certain: the coordinators may carry it out, and make that member the primary, long before this node hears of
 * it. The same set holds the lease, for the same reason. A change can only be carried out in the epoch that
 * it was proposed in, so with the next epoch nothing is in flight any more.
 */
export class PrimaryTerm {
  readonly #nodeId: string;
  readonly #modules: PrimaryTermModules;
  readonly #startIndex: bigint;
  /** Silence counts from here at the earliest. */
  #listensFromMs: number;
  #waitUntilMs: number;
  #knowsLeases: boolean;
  #hasServed = false;
  #isTakenOver = false;
  #lacksUpTo = 0n;
  #assignment: Partition;
  #members = new Map<string, MemberProgress>();
  /** Proposed for the in-sync set in this epoch, and not refused for certain. */
  readonly #proposed = new Set<string>();
  #proposing: Promise<void> | undefined;
  #proposeAtMs = 0;
  #lastFailure = '';

  constructor({ nodeId, assignment, waitUntilMs, knowsLeases }: PrimaryTermOptions, modules: PrimaryTermModules) {
    this.#nodeId = nodeId;
    this.#modules = modules;
    this.#assignment = assignment;
    this.#startIndex = modules.log.last.index;
    this.#listensFromMs = modules.clock.monotonicMs();
    this.#waitUntilMs = waitUntilMs;
    this.#knowsLeases = knowsLeases;
    this.#meetMembers();
  }

  get epoch(): bigint {
    return this.#assignment.epoch;
  }

  /** Whether it has come to hold the lease: before, an earlier primary may still hold it. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** The other replicas, in sync or not. */
  get members(): ReadonlyMap<string, MemberProgress> {
    return this.#members;
  }

  /** The coordinators have changed the partition, and this node is still its primary. */
  continueIn(assignment: Partition): void {
    this.#assignment = assignment;
    this.#proposed.clear();
    this.#proposeAtMs = 0;
    this.#meetMembers();
    // What was on its way in the epoch before is refused by whoever has heard of this one.
    for (const member of this.#members.values()) member.lost();
    this.advance();
  }

  /** The primary before this one has given its lease back. */
  waitNoLonger(): void {
    this.#waitUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** This process stood still: what it did not hear meanwhile says nothing of others. */
  stoodStill(): void {
    const nowMs = this.#modules.clock.monotonicMs();
    this.#listensFromMs = nowMs;
    for (const member of this.#members.values()) member.behindSinceMs = nowMs;
  }

  /** Whether no other member of the in-sync set has been heard for a lease: it may be this node that does not hear. */
  isUnheard(): boolean {
    const { clock, timings } = this.#modules;
    const nowMs = clock.monotonicMs();
    const others = this.#assignment.inSync.filter((nodeId) => nodeId !== this.#nodeId);
    if (others.length === 0) return false;
    return others.every((nodeId) => {
      const heardMs = Math.max(this.#members.get(nodeId)?.heardMs ?? 0, this.#listensFromMs);
      return nowMs - heardMs >= timings().leaseMs;
    });
  }

  /** The current in-sync set and all that may have become part of it by now. */
  maximalInSync(): ReadonlySet<string> {
    return new Set([...this.#assignment.inSync, ...this.#proposed]);
  }

  /** Why nothing is served now; undefined when it is. The caller's read or append follows in the same step. */
  refusal(): StratumError | undefined {
    const nowMs = this.#modules.clock.monotonicMs();
    if (this.lacksEntries) return lossOfEntries(this.#assignment.id, this.#lacksUpTo, this.#modules.log.last.index);
    const silent = this.#silentMembers(nowMs);
    if (silent.length > 0) {
      const count = { required: this.maximalInSync().size, silent };
      const known = { members: this.#members, topology: this.#modules.topology() };
      return insufficientReplicas(this.#assignment.id, count, known);
    }
    this.#isTakenOver ||= this.#modules.committedIndex() >= this.#startIndex && this.#isKnownToAll();
    if (this.#isTakenOver && !this.#knowsLeases) {
      this.#knowsLeases = true;
      if (this.#members.size > 0) this.#waitUntilMs = nowMs + this.#modules.timings().leaseWaitMs;
    }
    const isWaiting = nowMs < this.#waitUntilMs;
    if (!isWaiting && this.#isTakenOver) {
      this.#hasServed = true;
      return undefined;
    }
    return justChanged(this.#assignment.id, isWaiting);
  }

  /** What a replica lacks; undefined when nothing, or when it is to be left alone for now. */
  appendFor(nodeId: string, bytesMax: number): PartitionAppend | undefined {
    const member = this.#members.get(nodeId);
    const { log, clock } = this.#modules;
    if (member === undefined || member.isAsked || clock.monotonicMs() < member.retryAtMs) return undefined;
    if (member.matchIndex !== undefined && member.nextIndex > log.last.index) return undefined;
    const { index: baseIndex } = log.base;
    const snapshotRequired = member.nextIndex <= baseIndex;
    // With a snapshot it is the first entry that the replica has to have for the log to reach back to it.
    const previousIndex = snapshotRequired ? baseIndex : member.nextIndex - 1n;
    const records = snapshotRequired ? [] : log.slice(member.nextIndex, bytesMax);
    if (member.matchIndex === undefined || snapshotRequired) member.isAsked = true;
    else member.nextIndex += BigInt(records.length);
    return signedAppend({
      partition: this.#assignment.id,
      epoch: this.epoch,
      previousIndex,
      previousEpoch: log.epochAt(previousIndex) ?? 0n,
      records,
      committedIndex: this.#modules.committedIndex(),
      snapshotRequired,
    });
  }

  /** A replica has answered an append. True when it has to be sent more at once. */
  acknowledged(nodeId: string, generation: bigint, ack: PartitionAck): boolean {
    const member = this.#members.get(nodeId);
    const { log, clock } = this.#modules;
    if (member === undefined) return false;
    if (ack.epoch !== this.epoch) {
      // Of an epoch of this term that is over: it says nothing of this one.
      member.lost();
      return true;
    }
    const nowMs = clock.monotonicMs();
    if (!member.answeredBy(generation, log.last.index)) {
      member.lost();
      return false;
    }
    if (ack.appliedIndex > log.last.index) return this.#isBeyond(member, ack);
    switch (ack.result) {
      case AppendResult.DURABLE:
        member.heardMs = nowMs;
        member.lastError = undefined;
        member.matched(ack.index, nowMs);
        this.advance();
        return true;
      case AppendResult.MISMATCH:
        member.mismatched(smallerOf(ack.index, log.last.index));
        return true;
      default:
        member.lost();
        member.retryAtMs = nowMs + notNowPauseMs;
        return false;
    }
  }

  /** A replica has acknowledged a beacon that was sent at `sentMs`. */
  beaconAccepted(nodeId: string, generation: bigint, epoch: bigint, sentMs: number): void {
    const member = this.#members.get(nodeId);
    if (member === undefined || epoch !== this.epoch) return;
    if (!member.answeredBy(generation, this.#modules.log.last.index)) return;
    member.heardMs = this.#modules.clock.monotonicMs();
    member.leaseFromMs = Math.max(member.leaseFromMs, sentMs);
    member.lastError = undefined;
  }

  /** Whether an in-sync replica has applied what this node does not have: its disk has lost it, and it must not serve. */
  get lacksEntries(): boolean {
    return this.#lacksUpTo > 0n;
  }

  /** An append to a replica was not answered. */
  failed(nodeId: string, error: unknown): void {
    const member = this.#members.get(nodeId);
    if (member === undefined) return;
    member.lastError = asStratumError(error);
    member.lost();
  }

  /** A beacon to a replica was not answered. */
  beaconFailed(nodeId: string, error: unknown): void {
    const member = this.#members.get(nodeId);
    if (member !== undefined) member.lastError = asStratumError(error);
  }

  /** Commits what every member of the maximal in-sync set has on disk by now. */
  advance(): void {
    if (this.lacksEntries) return;
    const { log, committedIndex, commit } = this.#modules;
    let index = log.durableIndex;
    for (const nodeId of this.maximalInSync()) {
      if (nodeId === this.#nodeId) continue;
      const matchIndex = this.#counts(nodeId) ? this.#members.get(nodeId)?.matchIndex : undefined;
      if (matchIndex === undefined) return;
      if (matchIndex < index) index = matchIndex;
    }
    if (index > committedIndex()) commit(index);
  }

  /** Looks whether the in-sync set should be another one, and asks for it. */
  tick(): void {
    const { clock, timings, topology, log, committedIndex } = this.#modules;
    const nowMs = clock.monotonicMs();
    for (const member of this.#members.values()) {
      if (member.matchIndex === log.last.index) member.behindSinceMs = nowMs;
    }
    if (this.lacksEntries || this.#proposing !== undefined || nowMs < this.#proposeAtMs) return;
    const committed = committedIndex();
    const inSync = nextInSync(
      {
        nodeId: this.#nodeId,
        assignment: this.#assignment,
        members: this.#members,
        nowMs,
        listensFromMs: this.#listensFromMs,
      },
      {
        timings: timings(),
        counts: (nodeId) => this.#counts(nodeId),
        isWell: (nodeId) => topology().nodes.get(nodeId)?.state === 'ACTIVE',
        caughtUpFrom: largerOf(committed, this.#startIndex),
      },
    );
    // Somebody was proposed, never answered for, and is not wanted any more: only another epoch makes sure of it.
    const raisesEpoch = inSync === undefined && this.#proposed.size > 0;
    if (inSync === undefined && !raisesEpoch) return;
    this.#proposing = this.#propose(inSync ?? this.#assignment.inSync, raisesEpoch).finally(() => {
      this.#proposing = undefined;
    });
  }

  /**
   * What a replica has applied is committed, and a primary has all that is committed: with an in-sync one beyond it, it is this
   * disk that has lost something. Another one has what an accepted loss has given up, and is left alone.
   */
  #isBeyond(member: MemberProgress, { appliedIndex }: PartitionAck): false {
    const { log, logger, clock } = this.#modules;
    const fields = {
      partition: this.#assignment.id,
      replica: member.nodeId,
      applied: appliedIndex,
      last: log.last.index,
    };
    member.matchIndex = undefined;
    member.isAsked = false;
    member.retryAtMs = clock.monotonicMs() + foreignPauseMs;
    if (!this.maximalInSync().has(member.nodeId)) {
      logger.warn(
        fields,
        'a replica has applied what this partition has given up: start its node with an empty data folder',
      );
      return false;
    }
    if (!this.lacksEntries)
      logger.error(fields, 'an in-sync replica has applied entries that this primary does not have');
    this.#lacksUpTo = appliedIndex;
    return false;
  }

  /** Whether every other member of the in-sync set has been seen, in this term, to have what this node began it with. */
  #isKnownToAll(): boolean {
    return [...this.maximalInSync()].every((nodeId) => {
      const { matchIndex = -1n } = this.#members.get(nodeId) ?? {};
      return nodeId === this.#nodeId || (this.#counts(nodeId) && matchIndex >= this.#startIndex);
    });
  }

  #meetMembers(): void {
    const { log, clock } = this.#modules;
    const start = { nextIndex: log.last.index + 1n, nowMs: clock.monotonicMs() };
    const others = this.#assignment.replicas.filter((nodeId) => nodeId !== this.#nodeId);
    this.#members = new Map(
      others.map((nodeId) => [nodeId, this.#members.get(nodeId) ?? new MemberProgress(nodeId, start)]),
    );
  }

  /** Whether what is known of a node is of the very process that the cluster counts on. */
  #counts(nodeId: string): boolean {
    const generation = this.#members.get(nodeId)?.generation;
    return generation !== undefined && generation === this.#modules.topology().nodes.get(nodeId)?.generationId;
  }

  #silentMembers(nowMs: number): readonly string[] {
    const { leaseMs } = this.#modules.timings();
    return [...this.maximalInSync()].filter((nodeId) => {
      if (nodeId === this.#nodeId) return false;
      const leaseFromMs = this.#members.get(nodeId)?.leaseFromMs ?? Number.NEGATIVE_INFINITY;
      return !this.#counts(nodeId) || nowMs - leaseFromMs >= leaseMs;
    });
  }

  async #propose(inSync: readonly string[], raisesEpoch: boolean): Promise<void> {
    const { authority, clock, timings, stopping, logger } = this.#modules;
    const { id, epoch, replicas } = this.#assignment;
    const added = inSync.filter((nodeId) => !this.#assignment.inSync.includes(nodeId));
    const removed = this.#assignment.inSync.filter((nodeId) => !inSync.includes(nodeId));
    const wasProposed = added.filter((nodeId) => this.#proposed.has(nodeId));
    const generations = new Map(added.map((nodeId) => [nodeId, this.#members.get(nodeId)?.generation ?? 0n]));
    for (const nodeId of added) this.#proposed.add(nodeId);
    const reason = [
      ...(added.length > 0 ? [`${added.join(' ')} caught up`] : []),
      ...(removed.length > 0 ? [`${removed.join(' ')} does not keep up`] : []),
      ...(raisesEpoch ? ['an earlier request was never answered'] : []),
    ].join(', ');
    const { leaseMs, tickMs } = timings();
    const partition: Partition = { id, epoch, primaryId: this.#nodeId, inSync, replicas };
    try {
      const change = { partition, generations, raisesEpoch, reason };
      const ask = (signal: AbortSignal) => authority.changePartition(change, signal);
      await withDeadline(clock, 'a change of the in-sync set', leaseMs, ask, stopping);
      // What it led to comes with the topology; asked again if it does not.
      this.#proposeAtMs = clock.monotonicMs() + leaseMs;
    } catch (error) {
      if (stopping.aborted) return;
      const failure = asStratumError(error);
      this.#proposeAtMs = clock.monotonicMs() + tickMs * 2;
      // Refused for certain and for ever. UNSAFE is not: a try that is late on its way may find the node well again.
      const isRefused = hasCode(failure, 'ZOMBIE_NODE') || hasCode(failure, 'INVALID_ARGUMENT');
      if (isRefused && epoch === this.epoch) {
        for (const nodeId of added) if (!wasProposed.includes(nodeId)) this.#proposed.delete(nodeId);
      }
      if (failure.message === this.#lastFailure) return;
      this.#lastFailure = failure.message;
      logger.warn(
        { partition: id, code: failure.code, error: failure.message, reason },
        'the in-sync set was not changed',
      );
    }
  }
}

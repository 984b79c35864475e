import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { WakeablePause } from '../../base/wakeable-pause.ts';
import type { CoordinationStore, StoredKey } from './coordination-store.ts';
import { coordinatorKey, decodeHolder, encodeHolder, etcdKeys, type HolderRecord } from './etcd-records.ts';

/** Looks in the time of a lease: two may fail before the lease ends. */
const looksPerLease = 4;

/** A leader as the store names it. */
export interface KnownLeader {
  readonly holder: HolderRecord;
  /** The creation revision of its key. */
  readonly term: bigint;
}

/** What a candidacy brings about. */
export interface CandidacyModules {
  readonly store: CoordinationStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** In every look: reads what is new in the store, and hands the leader's and the nominee's keys to `see`. */
  readonly look: () => Promise<void>;
  /** This coordinator has won the election of the term. */
  readonly onWon: (term: bigint) => void;
  /** It no longer leads. */
  readonly onLost: () => void;
  /** Another coordinator is known to lead, or none. */
  readonly onLeader: (leader: KnownLeader | undefined) => void;
}

/**
 * A coordinator's part in elections. It holds a lease, says with it that it is alive, and takes the
 * leader's key whenever nobody has it. It leads while the key is its own and its lease has not ended
 * by its own monotonic clock, counted from the moment when the last renewal was sent: a process that
 * stood still knows at its first step that it may be deposed. The store knows without any clock:
 * every write is guarded by the key's creation revision.
 */
export class Candidacy {
  readonly #nodeId: string;
  readonly #address: () => string;
  readonly #leaseMs: number;
  readonly #modules: CandidacyModules;
  readonly #pause: WakeablePause;
  #lease: { readonly id: string; untilMs: number } | undefined;
  #isAnnounced = false;
  #expiry: Timer | undefined;
  #leader: KnownLeader | undefined;
  #nominee: string | undefined;
  #seenRevision = 0n;
  #term: bigint | undefined;
  #failed = '';

  constructor(
    options: { readonly nodeId: string; readonly address: () => string; readonly leaseMs: number },
    modules: CandidacyModules,
  ) {
    this.#nodeId = options.nodeId;
    this.#address = options.address;
    this.#leaseMs = options.leaseMs;
    this.#modules = modules;
    this.#pause = new WakeablePause(modules);
  }

  /** The term in which this coordinator leads; undefined when it does not, or may not any more. */
  get term(): bigint | undefined {
    return this.#isLeaseAlive() ? this.#term : undefined;
  }

  get leader(): KnownLeader | undefined {
    return this.#leader;
  }

  /** Holds the lease and stands for election until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const pauseMs = this.#leaseMs / looksPerLease;
    while (!signal.aborted) {
      this.#pause.rearm();
      try {
        await this.#holdLease();
        await this.#modules.look();
        if (this.#leader === undefined && !signal.aborted) await this.#campaign();
        this.#failed = '';
      } catch (error) {
        this.#note(error);
      }
      await this.#pause.wait(pauseMs, signal);
    }
  }

  /** Gives up the lease, and leadership with it; for the end of the process. */
  async resign(): Promise<void> {
    const lease = this.#lease;
    this.#forgetLease();
    if (lease !== undefined) await this.#modules.store.revokeLease(lease.id);
  }

  /**
   * Takes what the store says of leader and nominee at a revision. What is older than what was seen
   * already is passed over, for reads and the watch tell of the same changes.
   */
  see(revision: bigint, seen: { readonly leader?: StoredKey | null; readonly nominee?: StoredKey | null }): void {
    if (revision < this.#seenRevision) return;
    this.#seenRevision = revision;
    const before = { leader: this.#leader, nominee: this.#nominee };
    if (seen.nominee !== undefined) {
      this.#nominee = seen.nominee === null ? undefined : decodeHolder(seen.nominee.value).nodeId;
    }
    if (seen.leader !== undefined) this.#seeLeader(seen.leader ?? undefined);
    const isFreed = before.leader !== undefined || before.nominee !== this.#nominee;
    if (this.#leader === undefined && isFreed) this.#pause.wake(); // The next look is made now.
  }

  #seeLeader(key: StoredKey | undefined): void {
    const leader = key === undefined ? undefined : { holder: decodeHolder(key.value), term: key.createRevision };
    const isNew = leader?.term !== this.#leader?.term;
    this.#leader = leader;
    const isOwn = leader !== undefined && leader.holder.session === this.#lease?.id;
    if (this.#term !== undefined && (!isOwn || leader.term !== this.#term)) this.#lose();
    if (isNew && !isOwn) this.#modules.onLeader(leader);
    // With a lease that has ended by this clock it would lead in nobody's eyes; after the next renewal it is seen again.
    if (isOwn && this.#term === undefined && this.#isLeaseAlive()) {
      this.#term = leader.term;
      this.#modules.onWon(leader.term);
    }
  }

  async #holdLease(): Promise<void> {
    const { store, clock } = this.#modules;
    const sentMs = clock.monotonicMs();
    if (this.#lease === undefined) {
      const id = await store.grantLease(this.#leaseMs);
      this.#lease = { id, untilMs: sentMs + this.#leaseMs };
    } else if (await store.renewLease(this.#lease.id)) {
      // It has not led in between, though the store has kept its key: its parts begin anew when it is seen again.
      if (this.#term !== undefined && !this.#isLeaseAlive()) this.#lose();
      if (this.#lease !== undefined) this.#lease.untilMs = sentMs + this.#leaseMs;
    } else {
      this.#forgetLease();
      return this.#holdLease();
    }
    this.#watchExpiry();
    if (this.#isAnnounced || this.#lease === undefined) return;
    const { id: leaseId } = this.#lease;
    await store.commit([], [{ put: coordinatorKey(this.#nodeId), value: this.#holder(leaseId), leaseId }]);
    this.#isAnnounced = this.#lease?.id === leaseId;
  }

  /** A renewal that comes too late must not leave the others thinking that nobody noticed. */
  #watchExpiry(): void {
    const { clock } = this.#modules;
    this.#expiry?.cancel();
    if (this.#lease === undefined) return;
    this.#expiry = clock.after(Math.max(0, this.#lease.untilMs - clock.monotonicMs()), () => {
      if (this.#lease === undefined) return;
      // Node's timers come up to a millisecond early.
      if (clock.monotonicMs() < this.#lease.untilMs) this.#watchExpiry();
      else if (this.#term !== undefined) this.#lose();
    });
  }

  async #campaign(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined || (this.#nominee !== undefined && this.#nominee !== this.#nodeId)) return;
    const value = this.#holder(lease.id);
    const { succeeded, revision } = await this.#modules.store.commit(
      [{ key: etcdKeys.leader, createRevision: 0n }],
      [{ put: etcdKeys.leader, value, leaseId: lease.id }, { delete: { start: etcdKeys.nominee } }],
    );
    if (!succeeded) return;
    const leader = { key: etcdKeys.leader, value, createRevision: revision, modRevision: revision };
    this.see(revision, { leader, nominee: null });
  }

  #holder(session: string): Uint8Array {
    return encodeHolder({ nodeId: this.#nodeId, address: this.#address(), session });
  }

  #isLeaseAlive(): boolean {
    return this.#lease !== undefined && this.#modules.clock.monotonicMs() < this.#lease.untilMs;
  }

  #lose(): void {
    this.#term = undefined;
    this.#modules.onLost();
  }

  #forgetLease(): void {
    this.#lease = undefined;
    this.#isAnnounced = false;
    this.#expiry?.cancel();
    if (this.#term !== undefined) this.#lose();
  }

  /** Told once while it stays the same. */
  #note(error: unknown): void {
    const { code, message } = asStratumError(error);
    if (code === this.#failed) return;
    this.#failed = code;
    this.#modules.log.warn({ code, error: message }, 'the store of the coordinators did not answer; goes on trying');
  }
}

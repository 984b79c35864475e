import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { asStratumError, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { TopologyCommand } from '../../topology/commands.ts';
import { reduce } from '../../topology/reduce.ts';
import type { Topology, TopologyUpdate } from '../../topology/topology.ts';
import type { Applied } from '../consensus.ts';
import { notLeading } from '../not-leading.ts';
import type { TopologyCopy } from '../topology-copy.ts';
import type { TopologyLog } from '../topology-log.ts';
import type { Change, CoordinationStore, Guard } from './coordination-store.ts';
import { encodeHead, encodeSnapshot, encodeUpdateRecord, etcdKeys, updateKey } from './etcd-records.ts';

/** Updates between two snapshots: a member that starts applies as many at most. */
const snapshotEvery = 64;

/** For how long a proposal goes on trying when the store does not answer: an election of etcd takes a second or two. */
const proposalTimeoutMs = 5_000;

const backoff: BackoffBounds = { minMs: 20, maxMs: 500 };

/** What a writer works with. */
export interface UpdateWriterModules {
  readonly store: CoordinationStore;
  readonly copy: TopologyCopy;
  /** Brings the copy to what the store has. */
  readonly catchUp: () => Promise<unknown>;
  /** Whether this coordinator leads in the term. */
  readonly leads: (term: bigint) => boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** Holds only while the leader of the term has not been deposed. */
export function leadershipGuard(term: bigint): Guard {
  return { key: etcdKeys.leader, createRevision: term };
}

/**
 * Turns commands into updates in the store. Every write is a transaction that holds only while the
 * leader's key is that of the term and the version is the one that the update follows, so a deposed
 * leader cannot write and no version is written twice. When the store does not say whether a write was
 * done, the store is read: the update stands there or it does not, and the same write is tried again.
 */
export class UpdateWriter {
  readonly #historyMax: bigint;
  readonly #snapshotEvery: bigint;
  readonly #modules: UpdateWriterModules;

  constructor(options: { readonly historyMax: number }, modules: UpdateWriterModules) {
    this.#historyMax = BigInt(options.historyMax);
    // The updates since the last snapshot must not be forgotten.
    this.#snapshotEvery = BigInt(Math.min(snapshotEvery, options.historyMax));
    this.#modules = modules;
  }

  /** One at a time. NO_QUORUM when the outcome is unknown; the reducer's refusals; NOT_LEADER when deposed. */
  async write(command: TopologyCommand, term: bigint): Promise<Applied> {
    const { copy, clock } = this.#modules;
    const deadlineMs = clock.monotonicMs() + proposalTimeoutMs;
    for (let failures = 0; ; ) {
      const committed = this.#committed(term);
      const { topology, update } = reduce(committed.topology, command, term);
      if (update === undefined) return { topology, update };
      try {
        if (await this.#commit(update, topology, term)) {
          copy.commit(update, topology);
          return { topology, update };
        }
        await this.#modules.catchUp();
        // Refused, and nothing new is there that would explain it: the leader has changed, or the same is tried again.
        if (copy.version === update.previousVersion) await this.#pause(++failures, deadlineMs, refused);
      } catch (error) {
        failures += 1;
        await this.#outcome(error, failures, deadlineMs, term);
      }
      // An earlier try may have been done after all.
      const [found] = copy.committed?.since(update.previousVersion) ?? [];
      if (found !== undefined && isSame(found, update)) return { topology, update };
    }
  }

  /** After a failed commit: reads what is there, over and over until the deadline. */
  async #outcome(error: unknown, failures: number, deadlineMs: number, term: bigint): Promise<void> {
    let failure = asStratumError(error);
    for (let tries = failures; ; tries += 1) {
      if (failure.code !== 'NO_QUORUM') throw failure;
      // Deposed, or about to stop: whoever leads then knows what became of it.
      if (!this.#modules.leads(term)) throw unknownOutcome(failure);
      await this.#pause(tries, deadlineMs, unknownOutcome(failure));
      try {
        await this.#modules.catchUp();
        return;
      } catch (again) {
        failure = asStratumError(again);
      }
    }
  }

  /** Throws `otherwise` when the deadline would pass meanwhile. */
  async #pause(failures: number, deadlineMs: number, otherwise: StratumError): Promise<void> {
    const { clock, random } = this.#modules;
    const pauseMs = backoffMs(failures, backoff, random);
    if (clock.monotonicMs() + pauseMs >= deadlineMs) throw otherwise;
    await clock.sleep(pauseMs);
  }

  #committed(term: bigint): TopologyLog {
    const { copy, leads } = this.#modules;
    if (leads(term) && copy.committed !== undefined) return copy.committed;
    throw notLeading({ leaderId: undefined, leaderAddress: undefined });
  }

  async #commit(update: TopologyUpdate, topology: Topology, term: bigint): Promise<boolean> {
    const { version, previousVersion } = update;
    const guards: Guard[] = [leadershipGuard(term), { key: etcdKeys.head, value: encodeHead(previousVersion) }];
    const changes: Change[] = [
      { put: updateKey(version), value: encodeUpdateRecord(update) },
      { put: etcdKeys.head, value: encodeHead(version) },
    ];
    if (version % this.#snapshotEvery === 0n) {
      changes.push({ put: etcdKeys.snapshot, value: encodeSnapshot(topology) });
    }
    if (version > this.#historyMax) {
      changes.push({ delete: { start: updateKey(0n), end: updateKey(version - this.#historyMax + 1n) } });
    }
    return (await this.#modules.store.commit(guards, changes)).succeeded;
  }
}

const refused = new StratumError('NO_QUORUM', 'the store refuses the change, and gives no reason', {
  what: 'the store of the coordinators',
});

function unknownOutcome(cause: StratumError): StratumError {
  const details = { what: 'the store of the coordinators' };
  return new StratumError('NO_QUORUM', `${cause.message}; whether the change was made is not known`, details, {
    hint: 'it is safe to ask for it again',
    cause,
  });
}

function isSame(left: TopologyUpdate, right: TopologyUpdate): boolean {
  return Buffer.from(encodeUpdateRecord(left)).equals(encodeUpdateRecord(right));
}

import { explain } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { PartitionReplica } from './partition-replica.ts';
import type { ReplicaPeers } from './replica-peer.ts';
import { writeSnapshot } from './snapshot-transfer.ts';

/** Partitions that are copied at a time: others wait until they are asked again. */
const underWayMax = 2;

/** What fetching works with. */
export interface SnapshotFetchModules {
  readonly store: MetadataStore;
  readonly peers: ReplicaPeers;
  readonly log: Logger;
  readonly stopping: AbortSignal;
}

/** Copies whole partitions from their primaries, for replicas that the log does not reach back to. */
export class SnapshotFetch {
  readonly #modules: SnapshotFetchModules;
  readonly #underWay = new Map<number, Promise<void>>();

  constructor(modules: SnapshotFetchModules) {
    this.#modules = modules;
  }

  /** Begins, unless it is under way or too much is; the primary asks again as long as it is needed. */
  fetch(replica: PartitionReplica): void {
    const { partition } = replica;
    if (this.#underWay.has(partition) || this.#underWay.size >= underWayMax || this.#modules.stopping.aborted) return;
    const fetched = this.#fetch(replica).finally(() => this.#underWay.delete(partition));
    this.#underWay.set(partition, fetched);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #fetch(replica: PartitionReplica): Promise<void> {
    const { store, peers, log, stopping } = this.#modules;
    const { partition, assignment } = replica;
    const peer = assignment === undefined ? undefined : peers.peer(assignment.primaryId);
    if (assignment === undefined || peer === undefined) return;
    const from = assignment.primaryId;
    try {
      // Begun before anything is removed: who is not the primary any more refuses.
      const messages = peer.fetchSnapshot({ partition, epoch: assignment.epoch }, stopping)[Symbol.asyncIterator]();
      try {
        const first = await messages.next();
        await replica.replace(stopping, () => writeSnapshot(store, partition, startingWith(first, messages)));
      } finally {
        // The primary keeps a moment of its store open for it.
        await messages.return?.();
      }
      log.info({ partition, from }, 'a partition was copied whole');
    } catch (error) {
      if (!stopping.aborted)
        log.warn({ partition, from, error: explain(error) }, 'a partition could not be copied; tries again');
    }
  }
}

async function* startingWith<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncIterable<T> {
  for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
}

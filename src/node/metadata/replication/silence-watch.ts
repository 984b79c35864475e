import type { PartitionAuthority, SilentPartition } from './partition-authority.ts';
import type { PartitionReplica } from './partition-replica.ts';

/** What a look at the primaries goes by. */
export interface SilenceLook {
  readonly nodeId: string;
  readonly nowMs: number;
  readonly silenceMs: number;
}

/** Tells the coordinators of primaries that this node, as an in-sync replica, does not hear: once for each change of the list. */
export class SilenceWatch {
  readonly #authority: PartitionAuthority;
  #silent: readonly SilentPartition[] = [];
  #trustsFromMs = Number.NEGATIVE_INFINITY;

  constructor(modules: { readonly authority: PartitionAuthority }) {
    this.#authority = modules.authority;
  }

  /** This process stood still: until then silence is its own. */
  distrustUntil(monotonicMs: number): void {
    this.#trustsFromMs = monotonicMs;
  }

  look(replicas: Iterable<PartitionReplica>, { nodeId, nowMs, silenceMs }: SilenceLook): void {
    const silent: SilentPartition[] = [];
    for (const { assignment, primaryHeardMs, partition, term } of replicas) {
      if (assignment === undefined || term !== undefined || assignment.primaryId === nodeId) continue;
      if (!assignment.inSync.includes(nodeId) || nowMs < this.#trustsFromMs) continue;
      if (nowMs - primaryHeardMs > silenceMs) silent.push({ partition, epoch: assignment.epoch });
    }
    const keyOf = ({ partition, epoch }: SilentPartition) => `${partition}@${epoch}`;
    if (silent.map(keyOf).join() === this.#silent.map(keyOf).join()) return;
    this.#silent = silent;
    this.#authority.reportSilent(silent);
  }
}

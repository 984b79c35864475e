import { explain } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Partition, Topology } from '../../../topology/topology.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { PartitionDisk } from './partition-disk.ts';

/** What removal works with. */
export interface ReplicaRemovalModules {
  readonly store: MetadataStore;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  /** The disk of a partition that nobody has opened. */
  readonly open: (partition: number) => PartitionDisk;
  readonly onRemoved: () => void;
}

/** Takes partitions off this node's disk that have been moved to others: in the background, in bounded steps. */
export class ReplicaRemoval {
  readonly #modules: ReplicaRemovalModules;
  readonly #removing = new Map<number, Promise<void>>();

  constructor(modules: ReplicaRemovalModules) {
    this.#modules = modules;
  }

  /** Whether the others hold enough: as many in sync as there are to be, two at least where there are two. */
  mayRemove({ epoch, inSync, replicas }: Partition): boolean {
    return epoch > 0n && inSync.length >= Math.min(2, replicas.length);
  }

  isRemoving(partition: number): boolean {
    return this.#removing.has(partition);
  }

  /** Partitions on the disk that the topology has placed elsewhere. */
  unassigned({ partitions }: Topology, nodeId: string): readonly number[] {
    const stored = this.#modules.store.read((reader) => [...reader.partitions()]);
    return stored.filter((id) => {
      const assignment = partitions.find((partition) => partition.id === id);
      if (assignment === undefined || assignment.replicas.includes(nodeId)) return false;
      return this.mayRemove(assignment) && !this.isRemoving(id);
    });
  }

  remove(partition: number, disk?: PartitionDisk): void {
    if (this.isRemoving(partition)) return;
    const { log, stopping, open, onRemoved } = this.#modules;
    const ended = () => this.#removing.delete(partition);
    const removal = this.#remove(disk ?? open(partition)).then(
      () => {
        ended();
        log.info({ partition }, 'a partition that was moved away is off the disk');
        onRemoved();
      },
      (error: unknown) => {
        // The next topology leads here again.
        ended();
        if (!stopping.aborted) log.warn({ partition, error: explain(error) }, 'a partition was not taken off the disk');
      },
    );
    this.#removing.set(partition, removal);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#removing.values());
  }

  async #remove(disk: PartitionDisk): Promise<void> {
    await disk.clear(this.#modules.stopping);
    await disk.forget();
  }
}

import { StratumError } from '../../base/errors.ts';
import { assignedPartitions, partitionOfRepo } from '../../topology/partitioning.ts';
import type { Partition, TopologySource } from '../../topology/topology.ts';
import type { PartitionDuty } from './partition-log.ts';

/** Which partitions this node is the primary of, by the topology as it knows it now. */
export class PrimaryDuties {
  readonly #nodeId: string;
  readonly #topology: TopologySource;

  constructor(options: { readonly nodeId: string }, modules: { readonly topology: TopologySource }) {
    this.#nodeId = options.nodeId;
    this.#topology = modules.topology;
  }

  /** The repository's partition; NOT_PRIMARY with who is, NOT_READY while nobody is. */
  of(repoName: string): PartitionDuty {
    const partition = partitionOfRepo(this.#topology.current(), repoName);
    if (partition.primaryId !== this.#nodeId) throw this.#notPrimary(partition);
    return { partition: partition.id, epoch: partition.epoch };
  }

  /** All; NOT_READY while partitions are not assigned. */
  all(): readonly PartitionDuty[] {
    return this.#own(assignedPartitions(this.#topology.current()));
  }

  /** Those that are known by now; none without a topology. */
  known(): readonly PartitionDuty[] {
    return this.#own(this.#topology.current()?.partitions ?? []);
  }

  #own(partitions: readonly Partition[]): readonly PartitionDuty[] {
    const own = partitions.filter(({ primaryId }) => primaryId === this.#nodeId);
    return own.map(({ id, epoch }) => ({ partition: id, epoch }));
  }

  #notPrimary({ id, epoch, primaryId }: Partition): StratumError<'NOT_PRIMARY'> {
    const address = this.#topology.current()?.nodes.get(primaryId)?.address;
    return new StratumError(
      'NOT_PRIMARY',
      `node ${this.#nodeId} is not the primary of partition ${id}, ${primaryId} is`,
      {
        partition: id,
        primaryId,
        ...(address === undefined ? {} : { primaryAddress: address }),
        epoch,
      },
    );
  }
}

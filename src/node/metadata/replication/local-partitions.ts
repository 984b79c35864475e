import { StratumError } from '../../../base/errors.ts';
import { MiB } from '../../../base/units.ts';
import { partitionOfRepo } from '../../../topology/partitioning.ts';
import type { Topology } from '../../../topology/topology.ts';
import type { PartitionAccess, SubmitOptions } from '../partition-access.ts';
import type { StateReader } from '../state.ts';
import type { Operation, OperationResults } from '../state-machine/applied.ts';
import { notPrimaryError } from './not-primary.ts';
import type { PartitionReplica } from './partition-replica.ts';

const defaults = { waitingMax: 10_000, waitingBytesMax: 256 * MiB };

/** After this long a full queue has had room again: some commits. */
const retryAfterMs = 100;

/** Values of a node's access to its partitions. */
export interface LocalPartitionsOptions {
  readonly nodeId: string;
  readonly waitingMax?: number;
  readonly waitingBytesMax?: number;
}

/** The partitions of this node as its RPCs see them. */
export class LocalPartitions implements PartitionAccess {
  readonly #options: LocalPartitionsOptions & typeof defaults;
  readonly #replicas: ReadonlyMap<number, PartitionReplica>;
  readonly #topology: () => Topology | undefined;
  readonly #stopping: AbortSignal;

  constructor(
    options: LocalPartitionsOptions,
    modules: {
      readonly replicas: ReadonlyMap<number, PartitionReplica>;
      readonly topology: () => Topology | undefined;
      readonly stopping: AbortSignal;
    },
  ) {
    this.#options = { ...defaults, ...options };
    this.#replicas = modules.replicas;
    this.#topology = modules.topology;
    this.#stopping = modules.stopping;
  }

  partitionOf(repoName: string): number {
    return partitionOfRepo(this.#topology(), repoName).id;
  }

  served(): readonly number[] {
    const serving = [...this.#replicas.values()].filter((replica) => replica.refusal() === undefined);
    return serving.map(({ partition }) => partition).sort((left, right) => left - right);
  }

  read<T>(partition: number, work: (state: StateReader) => T): T {
    return this.#replica(partition).read(work);
  }

  async submit<Case extends Operation['$case']>(
    partition: number,
    operation: Extract<Operation, { $case: Case }>,
    options: SubmitOptions,
  ): Promise<OperationResults[Case]> {
    const replica = this.#replica(partition);
    this.#assertRoom(options.bytes);
    // applyEntry answers each case with its own result; the compiler cannot follow it through the log.
    return (await replica.submit(operation, options)) as OperationResults[Case];
  }

  #replica(partition: number): PartitionReplica {
    const { nodeId } = this.#options;
    if (this.#stopping.aborted) throw new StratumError('SHUTTING_DOWN', `metadata node ${nodeId} stops`);
    const replica = this.#replicas.get(partition);
    if (replica !== undefined) return replica;
    const topology = this.#topology();
    const assignment = topology?.partitions.find(({ id }) => id === partition);
    if (assignment === undefined || assignment.epoch === 0n) {
      throw new StratumError('NOT_READY', `partition ${partition} is not known to node ${nodeId}`, {
        what: `partition ${partition}`,
      });
    }
    throw notPrimaryError(nodeId, partition, assignment, topology);
  }

  /** One operation of any size may wait alone: the limit of a message bounds it. */
  #assertRoom(bytes: number): void {
    const { waitingMax, waitingBytesMax } = this.#options;
    let count = 0;
    let waitingBytes = 0;
    for (const replica of this.#replicas.values()) {
      count += replica.waitingCount;
      waitingBytes += replica.waitingBytes;
    }
    if (count === 0 || (count < waitingMax && waitingBytes + bytes <= waitingBytesMax)) return;
    const message = `this metadata node has ${count} operations (${waitingBytes} bytes) waiting`;
    throw new StratumError('OVERLOADED', message, { retryAfterMs }, { hint: 'try again in a moment' });
  }
}

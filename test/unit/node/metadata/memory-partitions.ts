import type { Clock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import type { PartitionAccess, SubmitOptions } from '../../../../src/node/metadata/partition-access.ts';
import { RefsCache } from '../../../../src/node/metadata/refs-cache.ts';
import type { StateReader } from '../../../../src/node/metadata/state.ts';
import type { Operation, OperationResults } from '../../../../src/node/metadata/state-machine/applied.ts';
import { applyEntry } from '../../../../src/node/metadata/state-machine/apply.ts';
import { LogEntry } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { assignedPartitions, partitionOfRepo } from '../../../../src/topology/partitioning.ts';
import type { TopologySource } from '../../../../src/topology/topology.ts';
import { MemoryState } from './memory-state.ts';

/** A partition's log, and the state that it makes. */
export class MemoryPartition {
  readonly state = new MemoryState();
  readonly log: Buffer[] = [];
}

/** What all nodes of a cluster hold: partitions that outlive any node. */
export class MemoryLogs {
  readonly #partitions = new Map<number, MemoryPartition>();

  of(partition: number): MemoryPartition {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const made = new MemoryPartition();
    this.#partitions.set(partition, made);
    return made;
  }
}

/** The partitions of a metadata node in memory: what the topology says it is the primary of, committed at once. */
export class MemoryPartitions implements PartitionAccess {
  readonly refs = new RefsCache();
  readonly #nodeId: string;
  readonly #topology: TopologySource;
  readonly #clock: Clock;
  readonly #logs: MemoryLogs;

  constructor(
    { nodeId }: { readonly nodeId: string },
    modules: { readonly topology: TopologySource; readonly clock: Clock; readonly logs: MemoryLogs },
  ) {
    this.#nodeId = nodeId;
    this.#topology = modules.topology;
    this.#clock = modules.clock;
    this.#logs = modules.logs;
  }

  partitionOf(repoName: string): number {
    return partitionOfRepo(this.#topology.current(), repoName).id;
  }

  served(): readonly number[] {
    const partitions = this.#topology.current()?.partitions ?? [];
    return partitions.filter(({ primaryId }) => primaryId === this.#nodeId).map(({ id }) => id);
  }

  read<T>(partition: number, work: (state: StateReader) => T): T {
    this.#epochOf(partition);
    return work(this.#logs.of(partition).state);
  }

  async submit<Case extends Operation['$case']>(
    partition: number,
    operation: Extract<Operation, { $case: Case }>,
    { signal }: SubmitOptions,
  ): Promise<OperationResults[Case]> {
    signal.throwIfAborted();
    await Promise.resolve();
    const epoch = this.#epochOf(partition);
    const { log, state } = this.#logs.of(partition);
    const entry = { epoch, index: BigInt(log.length + 1), atMs: BigInt(this.#clock.nowMs()), operation };
    log.push(Buffer.from(LogEntry.encode(entry).finish()));
    // As another replica reads it, and with its refusal as what is committed.
    const { writes, result, refsChange } = applyEntry(partition, state, LogEntry.decode(log.at(-1) ?? Buffer.alloc(0)));
    state.write(writes);
    if (refsChange !== undefined) this.refs.applied(refsChange);
    return result as OperationResults[Case];
  }

  #epochOf(id: number): bigint {
    const topology = this.#topology.current();
    const partition = assignedPartitions(topology)[id];
    if (partition?.primaryId === this.#nodeId) return partition.epoch;
    const { epoch = 0n, primaryId } = partition ?? {};
    const primaryAddress = primaryId === undefined ? undefined : topology?.nodes.get(primaryId)?.address;
    throw new StratumError('NOT_PRIMARY', `node ${this.#nodeId} is not the primary of partition ${id}`, {
      partition: id,
      epoch,
      ...(primaryId === undefined ? {} : { primaryId }),
      ...(primaryAddress === undefined ? {} : { primaryAddress }),
    });
  }
}

import type { StateReader } from './state.ts';
import type { Operation, OperationResults } from './state-machine/applied.ts';

/** How an operation is submitted. */
export interface SubmitOptions {
  /** For the bounds of the queues: what the operation takes in a message, near enough. */
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/**
 * The replicated partitions of a metadata node, as its RPCs see them. Every method throws, or rejects
 * with, NOT_PRIMARY (with who is), NOT_READY (nobody is yet, or the primary has just changed),
 * INSUFFICIENT_REPLICAS (the in-sync replicas do not answer), DISK_FULL and SHUTTING_DOWN: with each of these for
 * certain nothing was done.
 */
export interface PartitionAccess {
  /** The partition that a repository's name leads to; NOT_READY without a topology. */
  partitionOf(repoName: string): number;

  /** The partitions that this node serves as their primary at this moment, by number. */
  served(): readonly number[];

  /** Linearizable: `work` sees everything that was acknowledged before, and runs synchronously. */
  read<T>(partition: number, work: (state: StateReader) => T): T;

  /**
   * Resolves with the operation's result when every in-sync replica has it on disk; rejects with what the state
   * machine refuses it with, with OVERLOADED when the queue is full, and with the signal's reason. When
   * the signal aborts after the operation has entered the log, its outcome is unknown: DEADLINE_EXCEEDED or CANCELLED.
   */
  submit<Case extends Operation['$case']>(
    partition: number,
    operation: Extract<Operation, { $case: Case }>,
    options: SubmitOptions,
  ): Promise<OperationResults[Case]>;
}

import type { Clock } from '../../base/clock.ts';
import { asStratumError, explain, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { MiB } from '../../base/units.ts';
import type { MetadataStore, StoreTransaction } from './metadata-store.ts';
import { type Prepared, prepareOperation } from './partition-log.ts';
import type { PrimaryDuties } from './primary-duties.ts';
import type { RefsCache } from './refs-cache.ts';
import type { Operation, OperationResults } from './state-machine/applied.ts';

/** Bounds of the queue. */
export interface OperationQueueOptions {
  /** Operations that wait at the most; more are refused with OVERLOADED. */
  readonly waitingMax?: number;
  /** Their bytes at the most. */
  readonly waitingBytesMax?: number;
  /** Operations of one commit: as many as the event loop does without being missed. */
  readonly batchMax?: number;
}

/** What the queue works with. */
export interface OperationQueueModules {
  readonly store: MetadataStore;
  readonly duties: PrimaryDuties;
  readonly refs: RefsCache;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An operation on its way. */
interface Job {
  readonly repo: string;
  readonly operation: Operation;
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly resolve: (result: OperationResults[keyof OperationResults]) => void;
  readonly reject: (error: unknown) => void;
}

/** A job whose turn came: carried out, or refused with nothing changed. */
type Outcome = { readonly job: Job } & ({ readonly prepared: Prepared } | { readonly refusal: unknown });

const defaults = { waitingMax: 10_000, waitingBytesMax: 256 * MiB, batchMax: 256 };

/** After this long a full queue has had room again: some commits. */
const retryAfterMs = 100;

/**
 * All writes of a metadata node, one commit at a time. Operations that come in while a commit is
 * under way share the next one (group commit), each seeing what those before it did. An answer is
 * given when its operation is on disk.
 */
export class OperationQueue {
  readonly #limits: Required<OperationQueueOptions>;
  readonly #modules: OperationQueueModules;
  readonly #waiting: Job[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: OperationQueueOptions, modules: OperationQueueModules) {
    this.#limits = { ...defaults, ...options };
    this.#modules = modules;
  }

  /**
   * Resolves with the operation's result when it is durable. Rejects with its refusal, with OVERLOADED
   * when the queue is full, or with the signal's reason while it still waits; once its turn has
   * come the signal changes nothing.
   */
  submit<Case extends Operation['$case']>(
    repo: string,
    operation: Extract<Operation, { $case: Case }>,
    { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
  ): Promise<OperationResults[Case]> {
    if (this.#isStopped) return Promise.reject(new StratumError('SHUTTING_DOWN', 'this metadata node stops'));
    const { waitingMax, waitingBytesMax } = this.#limits;
    const isFull = this.#waiting.length >= waitingMax || this.#waitingBytes + bytes > waitingBytesMax;
    // One operation of any size may wait alone: the limit of a message bounds it.
    if (isFull && this.#waiting.length > 0) return Promise.reject(this.#overloaded());
    const { promise, resolve, reject } = Promise.withResolvers<OperationResults[keyof OperationResults]>();
    this.#waiting.push({ repo, operation, bytes, signal, resolve, reject });
    this.#waitingBytes += bytes;
    this.#running ??= this.#run();
    // applyEntry answers each case with its own result; the compiler cannot follow it through the queue.
    return promise as Promise<OperationResults[Case]>;
  }

  /** Refuses new operations, and resolves when all that were accepted are answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commitSome();
    this.#running = undefined;
  }

  async #commitSome(): Promise<void> {
    const { store, refs, log } = this.#modules;
    let outcomes: readonly Outcome[] = [];
    let jobs: readonly Job[] = [];
    const changes = () =>
      outcomes.flatMap((outcome) =>
        'prepared' in outcome && outcome.prepared.applied.refsChange !== undefined
          ? [outcome.prepared.applied.refsChange]
          : [],
      );
    try {
      await store.commit((transaction) => {
        // Taken here and not before, so that whatever came in while the commit waited for its turn is in it.
        jobs = this.#take();
        outcomes = jobs.map((job) => this.#perform(transaction, job));
        refs.stage(changes());
      });
    } catch (error) {
      refs.drop(changes());
      log.error({ error: explain(error), operations: jobs.length }, 'a commit of the metadata store failed');
      // A commit that failed before its callback ran has taken no jobs; they must not wait for ever.
      for (const job of jobs.length === 0 ? this.#take() : jobs) job.reject(asStratumError(error));
      return;
    }
    refs.settle(changes());
    for (const outcome of outcomes) {
      if ('prepared' in outcome) outcome.job.resolve(outcome.prepared.applied.result);
      else outcome.job.reject(outcome.refusal);
    }
  }

  #take(): readonly Job[] {
    const jobs = this.#waiting.splice(0, this.#limits.batchMax);
    for (const { bytes } of jobs) this.#waitingBytes -= bytes;
    return jobs;
  }

  /** A refusal happens before anything is written; an error of a write undoes the whole commit. */
  #perform(transaction: StoreTransaction, job: Job): Outcome {
    const { duties, clock } = this.#modules;
    let prepared: Prepared;
    try {
      job.signal.throwIfAborted();
      // Asked again at the moment of the write: the partition may have moved while the job waited.
      prepared = prepareOperation(transaction, duties.of(job.repo), BigInt(clock.nowMs()), job.operation);
    } catch (error) {
      return { job, refusal: error };
    }
    prepared.write();
    return { job, prepared };
  }

  #overloaded(): StratumError<'OVERLOADED'> {
    const message = `this metadata node has ${this.#waiting.length} operations (${this.#waitingBytes} bytes) waiting`;
    return new StratumError('OVERLOADED', message, { retryAfterMs }, { hint: 'try again in a moment' });
  }
}

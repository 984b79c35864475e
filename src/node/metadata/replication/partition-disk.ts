import type { Clock } from '../../../base/clock.ts';
import { asStratumError, explain, type StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { MetadataStore, StoreTransaction } from '../metadata-store.ts';
import { AppliedState, type FlushedState } from './applied-state.ts';
import { type LogPosition, logStart } from './log-record.ts';
import { encodeHeader, type PartitionHeader, readHeader } from './partition-header.ts';
import { type LogRetention, ReplicaLog, type WrittenLog } from './replica-log.ts';

/** A disk that refused a write is tried again after this long. */
const retryMs = 500;

/** Rows and records that one commit removes where a partition is cleared. */
const removedMax = 5_000;

/** What the disk of a partition works with. */
export interface PartitionDiskModules {
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stopping: AbortSignal;
  /** The log has got to disk further than before. */
  readonly onDurable: () => void;
}

/**
 * One partition on this node's disk: its log, its state and its header, which go there in one commit. `changed` asks for
 * a commit; while one is under way everything that comes in waits for the next. What the disk refuses stays in memory
 * and is written again until it takes it: a log never forgets an entry that another node may have by now.
 */
export class PartitionDisk {
  readonly log: ReplicaLog;
  readonly state: AppliedState;
  readonly #partition: number;
  readonly #modules: PartitionDiskModules;
  /** The highest epoch to answer for, in memory and on disk. */
  #epoch = 0n;
  #storedEpoch = 0n;
  #isPartial = false;
  #writing: Promise<void> | undefined;
  #isCleared = false;
  #error: StratumError | undefined;
  #waiting: { readonly isReached: () => boolean; readonly resolve: () => void }[] = [];

  constructor(
    { partition, retention }: { readonly partition: number; readonly retention: LogRetention },
    modules: PartitionDiskModules,
  ) {
    this.#partition = partition;
    this.#modules = modules;
    this.log = new ReplicaLog({ partition, retention }, modules);
    this.state = new AppliedState({ partition }, modules);
    modules.stopping.addEventListener('abort', () => this.#release(), { once: true });
  }

  /** Takes up what is on disk. */
  open(): void {
    this.#modules.store.read((reader) => {
      const header = readHeader(reader, this.#partition);
      this.#epoch = header.epoch;
      this.#storedEpoch = header.epoch;
      this.#isPartial = header.isPartial;
      if (header.isPartial) return;
      this.log.open(reader, header.base);
      this.state.reset(header.applied);
    });
  }

  get epoch(): bigint {
    return this.#epoch;
  }

  /** Whether what is there is of no use until it has been cleared. */
  get isPartial(): boolean {
    return this.#isPartial;
  }

  /** Why the disk takes nothing at the moment. */
  get error(): StratumError | undefined {
    return this.#error;
  }

  /** From now on lower epochs are refused. */
  raiseEpoch(epoch: bigint): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#tell();
  }

  /** The log has changed, or the epoch: that is waited for. What is applied goes to disk with it, and else with `tidy`. */
  changed(): void {
    if (this.#isAwaited()) this.#write();
  }

  /** Brings to disk what nobody waits for. */
  tidy(): void {
    if (this.#isDirty()) this.#write();
  }

  /**
   * Resolves when the log up to `index` and the epoch are on disk, and when they will not get there: a higher epoch makes
   * that of no use, the partition is cleared, or the node stops. `log.durableIndex` tells which.
   */
  whenDurable(index: bigint, epoch: bigint): Promise<void> {
    const isReached = () => this.#epoch > epoch || (this.log.durableIndex >= index && this.#storedEpoch >= epoch);
    if (isReached() || this.#isCleared || this.#modules.stopping.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ isReached, resolve });
    this.changed();
    return promise;
  }

  /** Resolves when all that is applied is on disk, or the node stops; of what is being cleared nothing gets there. */
  async flush(): Promise<void> {
    while (this.#isDirty() && !this.#isCleared && !this.#modules.stopping.aborted) {
      this.tidy();
      await this.#writing;
    }
  }

  /** Resolves when no commit is under way. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Removes the log and the state in bounded steps; what is left says that it is of no use. Nothing else may write meanwhile. */
  async clear(signal: AbortSignal): Promise<void> {
    this.#isCleared = true;
    this.#release();
    await this.#writing;
    const { store } = this.#modules;
    this.#isPartial = true;
    this.log.reset(logStart);
    this.state.reset(logStart);
    await store.commit((transaction) => this.#writeHeader(transaction, { applied: logStart, base: logStart }));
    let removed = removedMax;
    while (removed >= removedMax) {
      signal.throwIfAborted();
      removed = await store.commit((transaction) => {
        const records = transaction.removeRecords(this.#partition, { fromIndex: 0n, countMax: removedMax });
        return Math.max(records, transaction.removeState(this.#partition, removedMax));
      });
    }
  }

  /** Begins with a state that stands for the log up to `position`; what `clear` began is complete. */
  async begin(position: LogPosition): Promise<void> {
    const epoch = this.#epoch;
    const header = { applied: position, base: position, epoch, isPartial: false };
    await this.#modules.store.commit((transaction) => transaction.writeHeader(this.#partition, encodeHeader(header)));
    this.#isPartial = false;
    this.#storedEpoch = epoch;
    this.log.reset(position);
    this.state.reset(position);
    this.#isCleared = false;
  }

  /** Forgets the partition for good, after `clear`. */
  async forget(): Promise<void> {
    await this.#modules.store.commit((transaction) => transaction.writeHeader(this.#partition, undefined));
  }

  #isAwaited(): boolean {
    return this.log.isDirty || this.#storedEpoch < this.#epoch;
  }

  #isDirty(): boolean {
    return this.#isAwaited() || this.state.isDirty;
  }

  #write(): void {
    if (this.#writing !== undefined || this.#isCleared) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      // What came in after the last look.
      if (!this.#modules.stopping.aborted) this.changed();
    });
  }

  async #writeAll(): Promise<void> {
    const { store, clock, logger, stopping, onDurable } = this.#modules;
    do {
      let flushed: FlushedState | undefined;
      let written: WrittenLog | undefined;
      let epoch = 0n;
      try {
        await store.commit((transaction) => {
          epoch = this.#epoch;
          flushed = this.state.write(transaction);
          written = this.log.write(transaction, flushed.position.index);
          const base = { index: written.base, epoch: this.log.epochAt(written.base) ?? 0n };
          this.#writeHeader(transaction, { applied: flushed.position, base });
        });
      } catch (error) {
        if (flushed !== undefined) this.state.notWritten();
        if (this.#error === undefined) {
          logger.error({ partition: this.#partition, error: explain(error) }, 'the metadata log cannot be written');
        }
        this.#error = asStratumError(error);
        // A stop ends the wait, and with it the tries.
        await clock.sleep(retryMs, stopping).catch(() => undefined);
        if (stopping.aborted) return;
        continue;
      }
      if (written !== undefined) this.log.written(written);
      if (flushed !== undefined) this.state.written(flushed);
      this.#storedEpoch = epoch;
      this.#error = undefined;
      this.log.forget(this.state.position.index);
      this.#tell();
      onDurable();
    } while (this.#isAwaited() && !this.#isCleared);
  }

  #release(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #tell(): void {
    const reached = this.#waiting.filter(({ isReached }) => isReached());
    if (reached.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => !reached.includes(waiter));
    for (const { resolve } of reached) resolve();
  }

  #writeHeader(transaction: StoreTransaction, header: Pick<PartitionHeader, 'applied' | 'base'>): void {
    const record = encodeHeader({ ...header, epoch: this.#epoch, isPartial: this.#isPartial });
    transaction.writeHeader(this.#partition, record);
  }
}

import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { PartitionAccess } from './partition-access.ts';
import { duePurges } from './state-machine/apply-purge-repo.ts';

/** Between two looks for deleted repositories whose grace time is over. */
const lookIntervalMs = 60_000;

/** For the bounds of the queues: an id and a number. */
const operationBytes = 128;

/** What a purge works with. */
export interface RepoPurgeModules {
  readonly partitions: PartitionAccess;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Removes deleted repositories when their grace time is over, in the partitions that this node serves: step by step, each
 * an operation like any other, so that a repository with a million refs holds nobody up.
 */
export class RepoPurge {
  readonly #modules: RepoPurgeModules;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;

  constructor(modules: RepoPurgeModules) {
    this.#modules = modules;
  }

  start(): void {
    this.#timer = this.#modules.clock.every(lookIntervalMs, () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    });
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { partitions, log } = this.#modules;
    for (const partition of partitions.served()) {
      try {
        while (!this.#stopping.signal.aborted && (await this.#step(partition)));
      } catch (error) {
        // The next look, here or at another primary, goes on where this one stopped.
        const { code, message } = asStratumError(error);
        log.debug({ partition, code, error: message }, 'deleted repositories were not removed; tries again');
      }
    }
  }

  /** Whether there is more to do. */
  async #step(partition: number): Promise<boolean> {
    const { partitions, clock } = this.#modules;
    const due = partitions.read(partition, (state) => duePurges(state, clock.nowMs()));
    const options = { bytes: operationBytes, signal: this.#stopping.signal };
    for (const operation of due) await partitions.submit<'purgeRepo'>(partition, operation, options);
    return due.length > 0;
  }
}

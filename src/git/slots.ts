import { StratumError } from '../base/errors.ts';

/** Bounds of a {@link Slots}. */
export interface SlotsOptions {
  /** What is bounded, for errors: "git processes". */
  readonly what: string;
  readonly slotsMax: number;
  /** Callers that may wait; one more is refused with OVERLOADED. */
  readonly queueMax: number;
  /** What OVERLOADED tells the caller to wait. */
  readonly retryAfterMs: number;
}

interface Waiter {
  readonly grant: () => void;
}

/** A bounded number of slots with a bounded queue of callers, served in order of arrival. */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** Slots in use. */
  get taken(): number {
    return this.#taken;
  }

  /** Callers that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Waits for a slot. The returned function frees it, once; OVERLOADED when the queue is full. */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#taken < this.#options.slotsMax) this.#taken += 1;
    else await this.#wait(signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#release();
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    const { what, queueMax, retryAfterMs } = this.#options;
    if (this.#waiters.size >= queueMax) {
      throw new StratumError('OVERLOADED', `too many ${what}: ${queueMax} wait already`, { retryAfterMs });
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #release(): void {
    const [next] = this.#waiters;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    // The slot passes on without being free in between, so that nobody overtakes the queue.
    this.#waiters.delete(next);
    next.grant();
  }
}

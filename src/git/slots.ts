import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';

/** Bounds of a {@link Slots}. */
export interface SlotsOptions {
  /** What is bounded, for errors: "git processes". */
  readonly what: string;
  readonly slotsMax: number;
  /** Callers that may wait; one more is refused with OVERLOADED. */
  readonly queueMax: number;
  /** Milliseconds that a caller may wait; then OVERLOADED too. */
  readonly waitMaxMs: number;
  /** What OVERLOADED tells the caller to wait. */
  readonly retryAfterMs: number;
}

interface Waiter {
  readonly grant: () => void;
}

/** A bounded number of slots with a bounded queue of callers, served in order of arrival. */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  constructor(options: SlotsOptions, modules: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = modules.clock;
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
    const { what, queueMax, waitMaxMs, retryAfterMs } = this.#options;
    if (this.#waiters.size >= queueMax) {
      throw new StratumError('OVERLOADED', `too many ${what}: ${queueMax} wait already`, { retryAfterMs });
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        grant: () => {
          end();
          resolve();
        },
      };
      const onAbort = () => {
        end();
        reject(signal?.reason);
      };
      const timer = this.#clock.after(waitMaxMs, () => {
        end();
        reject(new StratumError('OVERLOADED', `no slot for ${what} became free in ${waitMaxMs} ms`, { retryAfterMs }));
      });
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
    next.grant();
  }
}

import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';

/** Bounds of a {@link Slots}. */
export interface SlotsOptions {
  /** What is bounded, for errors: "git processes". */
  readonly what: string;
  readonly slotsMax: number;
  /** Slots that the callers of one key may hold at once. */
  readonly perKeyMax: number;
  /** Callers that may wait; one more is refused with OVERLOADED. */
  readonly queueMax: number;
  /** Callers of one key that may wait; one more is refused with OVERLOADED. */
  readonly queuePerKeyMax: number;
  /** Milliseconds that a caller may wait; then OVERLOADED too. */
  readonly waitMaxMs: number;
  /** What OVERLOADED tells the caller to wait. */
  readonly retryAfterMs: number;
}

interface Waiter {
  readonly grant: () => void;
}

/** Callers of one key: how many hold a slot, and who waits, in order of arrival. */
interface Line {
  readonly key: string | undefined;
  taken: number;
  readonly waiters: Set<Waiter>;
}

/**
 * A bounded number of slots with a bounded queue. The keys that have waiters take turns, one slot a
 * turn; within a key it is the order of arrival. While a key waits and may hold one more, every
 * other key is given at most one slot before it, so that a thousand callers of one key delay another
 * by one turn. Callers without a key take turns like one key, but only the totals bound them.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #clock: Clock;
  readonly #lines = new Map<string | undefined, Line>();
  /** Lines with waiters; the first has waited longest for its turn. */
  readonly #turns = new Set<Line>();
  #taken = 0;
  #waiting = 0;

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
    return this.#waiting;
  }

  /** Waits for a slot. The returned function frees it, once; OVERLOADED when a queue is full. */
  async acquire(key: string | undefined, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const line = this.#lineOf(key);
    // A free slot is never left to callers who may not have it: whoever waits then is at its key's bound.
    if (this.#taken < this.#options.slotsMax && this.#mayTake(line) && line.waiters.size === 0) this.#take(line);
    else await this.#wait(line, signal);
    return this.#held(line);
  }

  /** A slot that is free now; undefined when there is none, or others wait for it. */
  tryAcquire(key: string | undefined): (() => void) | undefined {
    const line = this.#lineOf(key);
    if (this.#taken < this.#options.slotsMax && this.#mayTake(line) && line.waiters.size === 0) {
      this.#take(line);
      return this.#held(line);
    }
    this.#forget(line);
    return undefined;
  }

  #held(line: Line): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken -= 1;
      line.taken -= 1;
      this.#forget(line);
      this.#grantNext();
    };
  }

  #wait(line: Line, signal: AbortSignal | undefined): Promise<void> {
    const { what, waitMaxMs, retryAfterMs } = this.#options;
    this.#checkQueues(line);
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting -= 1;
        line.waiters.delete(waiter);
        if (line.waiters.size === 0) this.#turns.delete(line);
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
        this.#forget(line);
        reject(signal?.reason);
      };
      const timer = this.#clock.after(waitMaxMs, () => {
        end();
        this.#forget(line);
        reject(new StratumError('OVERLOADED', `no slot for ${what} became free in ${waitMaxMs} ms`, { retryAfterMs }));
      });
      this.#waiting += 1;
      line.waiters.add(waiter);
      this.#turns.add(line);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #checkQueues(line: Line): void {
    const { what, queueMax, queuePerKeyMax, retryAfterMs } = this.#options;
    const isKeyFull = line.key !== undefined && line.waiters.size >= queuePerKeyMax;
    if (!isKeyFull && this.#waiting < queueMax) return;
    this.#forget(line);
    const full = isKeyFull ? `${queuePerKeyMax} wait already for ${line.key}` : `${queueMax} wait already`;
    throw new StratumError('OVERLOADED', `too many ${what}: ${full}`, { retryAfterMs });
  }

  /** One slot is free: it goes to the first line in turn that may have it, which then goes to the end. */
  #grantNext(): void {
    for (const line of this.#turns) {
      if (!this.#mayTake(line)) continue;
      const [waiter] = line.waiters;
      if (waiter === undefined) continue;
      this.#take(line);
      this.#turns.delete(line);
      waiter.grant();
      if (line.waiters.size > 0) this.#turns.add(line);
      return;
    }
  }

  #take(line: Line): void {
    this.#taken += 1;
    line.taken += 1;
  }

  #mayTake(line: Line): boolean {
    return line.key === undefined || line.taken < this.#options.perKeyMax;
  }

  #lineOf(key: string | undefined): Line {
    const found = this.#lines.get(key);
    if (found !== undefined) return found;
    const line: Line = { key, taken: 0, waiters: new Set() };
    this.#lines.set(key, line);
    return line;
  }

  #forget(line: Line): void {
    if (line.taken === 0 && line.waiters.size === 0) this.#lines.delete(line.key);
  }
}

import type { Clock, Timer } from '../../src/base/clock.ts';
import type { SimWorld } from './sim-world.ts';

/** Node's timers count from the beginning of the turn in which they were set: they may come this much early. */
const timerEarlyMaxMs = 1;

/** And this much late, in a process that is not loaded. */
const timerLateMaxMs = 2;

/** What a process has not got round to. */
interface Held {
  readonly isTimer: boolean;
  readonly callback: () => void;
}

/**
 * A process of the simulation. Paused (SIGSTOP) it does nothing: its timers and what others send it
 * wait until it goes on, and its monotonic clock runs on. Killed it does nothing ever again.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #world: SimWorld;
  #isAlive = true;
  #isPaused = false;
  #held: Held[] = [];
  #wallOffsetMs: number;

  /** `wallMs` is what its wall clock says when the world begins. */
  constructor(options: { readonly name: string; readonly wallMs: number }, modules: { readonly world: SimWorld }) {
    this.name = options.name;
    this.#wallOffsetMs = options.wallMs;
    this.#world = modules.world;
    this.clock = this.#clock();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Runs it now, or when the process goes on, or never when it has ended. */
  deliver(callback: () => void): void {
    this.#run({ isTimer: false, callback });
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What is due comes one by one: the timers first, as in Node's loop. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    const inOrder = [...held.filter(({ isTimer }) => isTimer), ...held.filter(({ isTimer }) => !isTimer)];
    for (const each of inOrder) this.#world.schedule(0, () => this.#run(each));
  }

  kill(): void {
    this.#isAlive = false;
    this.#held = [];
  }

  /** Somebody sets the wall clock. */
  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  #run(held: Held): void {
    if (!this.#isAlive) return;
    if (this.#isPaused) this.#held.push(held);
    else held.callback();
  }

  #clock(): Clock {
    const world = this.#world;
    const after = (delayMs: number, callback: () => void): Timer => {
      let isCancelled = false;
      const fire = () => {
        if (!isCancelled) callback();
      };
      // At least a millisecond, as in Node.
      const dueMs = Math.max(1, delayMs) + world.random.between(-timerEarlyMaxMs, timerLateMaxMs);
      const event = world.schedule(dueMs, () => this.#run({ isTimer: true, callback: fire }));
      return {
        cancel: () => {
          isCancelled = true;
          event.cancel();
        },
      };
    };
    const every = (intervalMs: number, callback: () => void): Timer => {
      let isCancelled = false;
      let timer: Timer;
      const next = () => {
        // An interval that was due several times comes once.
        timer = after(intervalMs, () => {
          next();
          callback();
        });
        if (isCancelled) timer.cancel();
      };
      next();
      return {
        cancel: () => {
          isCancelled = true;
          timer.cancel();
        },
      };
    };
    const sleep = (delayMs: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          timer.cancel();
          reject(signal?.reason);
        };
        const timer = after(delayMs, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    return {
      nowMs: () => Math.floor(this.#wallOffsetMs + world.nowMs),
      monotonicMs: () => world.nowMs,
      after,
      every,
      sleep,
    };
  }
}

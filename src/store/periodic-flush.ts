import type { Clock, Timer } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

/** What a periodic flush needs. */
export interface PeriodicFlushModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly flush: () => Promise<void>;
}

/** Flushes every so often, one at a time: a turn that finds the last flush still under way is left out. */
export class PeriodicFlush {
  readonly #modules: PeriodicFlushModules;
  readonly #timer: Timer;
  #underWay: Promise<void> | undefined;

  constructor({ intervalMs }: { readonly intervalMs: number }, modules: PeriodicFlushModules) {
    this.#modules = modules;
    this.#timer = modules.clock.every(intervalMs, () => {
      this.#underWay ??= this.#flush();
    });
  }

  /** Ends it; resolves when no flush is under way. */
  async stop(): Promise<void> {
    this.#timer.cancel();
    await this.#underWay;
  }

  async #flush(): Promise<void> {
    try {
      await this.#modules.flush();
    } catch (error) {
      // Nobody waits for it; the next turn tries again, and the last flush, at the end, tells its caller.
      this.#modules.log.error({ error: explain(error) }, 'what was acknowledged could not be put on disk');
    } finally {
      this.#underWay = undefined;
    }
  }
}

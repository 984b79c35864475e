import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { asStratumError, explain, StratumError } from './errors.ts';

/** Something that is started once and stopped once. */
export interface Part {
  /** Its name in logs and errors. */
  readonly name: string;
  start?(signal: AbortSignal): Promise<void>;
  stop?(signal: AbortSignal): Promise<void>;
  readonly startTimeoutMs?: number;
  readonly stopTimeoutMs?: number;
}

/** Ten seconds: what systemd and Kubernetes leave a process, less a margin for the other parts. */
const partTimeoutMs = 10_000;

/**
 * Starts parts in order and stops them in reverse, each within its deadline. A part that fails to
 * start has the parts before it stopped again; the error names the culprit. Stopping goes on after
 * a failure, and then reports every part that did not make it.
 */
export class Lifecycle {
  readonly #clock: Clock;
  readonly #started: Part[] = [];
  #stopping: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts one part after all that were started before it. */
  async start(part: Part): Promise<void> {
    if (this.#stopping !== undefined) throw new StratumError('SHUTTING_DOWN', `${part.name} cannot start: stopping`);
    // Listed first, so that a stop during the start also reaches it.
    this.#started.push(part);
    if (part.start === undefined) return;
    try {
      await withDeadline(this.#clock, `start of ${part.name}`, part.startTimeoutMs ?? partTimeoutMs, (signal) =>
        part.start === undefined ? Promise.resolve() : part.start(signal),
      );
    } catch (error) {
      await this.stop().catch(() => undefined); // The reason for the stop is what the caller must see.
      throw error;
    }
  }

  /** Stops everything, once; later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const failures: string[] = [];
    for (const part of this.#started.toReversed()) {
      if (part.stop === undefined) continue;
      const { stop } = part;
      try {
        await withDeadline(this.#clock, `stop of ${part.name}`, part.stopTimeoutMs ?? partTimeoutMs, (signal) =>
          stop.call(part, signal),
        );
      } catch (error) {
        failures.push(`${part.name}: ${explain(asStratumError(error))}`);
      }
    }
    if (failures.length > 0) throw new StratumError('INTERNAL', `parts did not stop: ${failures.join('; ')}`);
  }
}
